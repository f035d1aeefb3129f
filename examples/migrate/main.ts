import { run, logs } from "perry/container";

const box = await run({ image: "registry.example/acme/tools:v1", cmd: ["report"] });
console.log(JSON.parse(await logs(box)).stdout);
