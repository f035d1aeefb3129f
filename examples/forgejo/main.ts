// The same as compose.yaml, as a graph of a Perry program: brought up, looked at, and ended by a signal.

import { readFileSync } from "node:fs";
import { SandboxError, workloads } from "@perry-sandbox/perry";

const { graph, node, runGraph } = workloads;

function image(variable: string): string {
  const found = process.env[variable];
  if (found === undefined || found === "") {
    throw new Error(variable + " is not set: the mirrored and signed image, by digest");
  }
  return found;
}

function secret(name: string): string {
  return readFileSync("secrets/" + name, "utf8").trim();
}

const forgejo = graph("forgejo", [
  node("db", {
    image: image("POSTGRES_IMAGE"),
    user: "70:70",
    env: {
      POSTGRES_DB: "forgejo",
      POSTGRES_USER: "forgejo",
      POSTGRES_PASSWORD_FILE: "/run/secrets/db-password",
      PGDATA: "/var/lib/postgresql/data/pgdata",
    },
    ports: [5432],
    secrets: ["db-password"],
    volumes: ["database:/var/lib/postgresql/data"],
    health: { command: ["pg_isready", "-q", "-U", "forgejo", "-d", "forgejo"], intervalMs: 5000 },
    restart: "always",
    stopGraceMs: 60000,
    resources: { memory: "512MiB", cpus: 1 },
  }),
  node("forgejo", {
    image: image("FORGEJO_IMAGE"),
    user: "1000:1000",
    env: {
      FORGEJO__database__DB_TYPE: "postgres",
      FORGEJO__database__HOST: { nodeId: "db", projection: "endpoint" },
      FORGEJO__database__NAME: "forgejo",
      FORGEJO__database__USER: "forgejo",
      FORGEJO__database__PASSWD__FILE: "/run/secrets/db-password",
      FORGEJO__security__SECRET_KEY__FILE: "/run/secrets/secret-key",
      FORGEJO__security__INTERNAL_TOKEN__FILE: "/run/secrets/internal-token",
      FORGEJO__security__INSTALL_LOCK: "true",
      FORGEJO__server__SSH_PORT: "2222",
    },
    ports: ["127.0.0.1:3000:3000", "127.0.0.1:2222:2222"],
    secrets: ["db-password", "secret-key", "internal-token"],
    volumes: ["data:/var/lib/gitea", "config:/etc/gitea"],
    dependsOn: { db: { condition: "service_healthy" } },
    health: {
      command: ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/api/healthz"],
      intervalMs: 10000,
      startPeriodMs: 60000,
    },
    restart: "always",
    stopGraceMs: 30000,
    resources: { memory: "1GiB", cpus: 2 },
  }),
]);

async function main(): Promise<void> {
  const options: workloads.RunGraphOptions = { policy: "graph.toml" };
  if (process.env.ONLY_CHECK === "1") {
    for (const one of workloads.check(forgejo, options).nodes) {
      console.log(one.nodeId + ": " + one.verdict);
      for (const reason of one.reasons) {
        console.log("  " + reason.text);
      }
    }
    return;
  }
  options.secrets = {};
  for (const name of ["db-password", "secret-key", "internal-token"]) {
    options.secrets[name] = secret(name);
  }
  const up = await runGraph(forgejo, options);
  for (const one of (await up.status()).nodes) {
    console.log(one.nodeId + ": " + one.state);
  }
  console.log("Forgejo is at http://127.0.0.1:3000/; Ctrl-C ends it and keeps its volumes");
  setInterval(() => undefined, 60000);
}

main().catch((error: unknown) => {
  console.error(error instanceof SandboxError ? error.code + ": " + error.message : String(error));
  process.exit(1);
});
