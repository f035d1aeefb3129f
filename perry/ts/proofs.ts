/** What was proved about an image before anything of it ran. Times are seconds since 1970. */
export interface Evidence {
  /** What the image's name came to: an index, or the manifest itself. */
  top: string;
  /** The manifest that runs. */
  manifest: string;
  /** Its configuration. */
  config: string;
  /** `linux/amd64` and the like. */
  platform: string;
  /** Digests from `top` to `manifest`. */
  path: string[];
  /** The repository that signatures were compared with; null where there was none. */
  repository: string | null;
  /** The policy's image rule; null for a signer that the caller named. */
  rule: string | null;
  /** Every signature that counts. */
  signatures: VerifiedSignature[];
  /** The attestation about how it was built, where the policy asks for one. */
  provenance: VerifiedSignature | null;
  /** Digest of what was required. */
  requirement: string;
  /** When it was checked. */
  verifiedAt: number;
  /** What could not be checked, in sentences. */
  notChecked: string[];
  /** What the trial of the image rule says, where it has one. It decides nothing. */
  trial?: Trial;
}

/** What came of a requirement that is only tried. */
export interface Trial {
  /** `unknown`: something could not be read. */
  outcome: "met" | "not-met" | "unknown";
  /** Why it is no yes. */
  reasons: { code: string; text: string }[];
}

/** An authority, as the trust root names it. */
export interface Authority {
  /** The organisation of its subject. */
  organization?: string;
  /** The common name of its subject. */
  commonName?: string;
  /** Its address. */
  uri?: string;
}

/** A signature, by whom, and when. */
export interface VerifiedSignature {
  /** The policy's name for the signer. */
  signer: string;
  /** The digest that was signed: the manifest, or the index that lists it. */
  signed: string;
  /** How it is stored. */
  format: "simple-signing" | "bundle";
  /** Digest of the signature's own manifest. */
  object: string;
  /** Who signed: a key, or an identity with who vouched for it. */
  by: { key: { fingerprint: string } } | { keyless: { issuer: string; subject: string } };
  /** The claims that the signer must have and the certificate has, by the policy's names. */
  claims?: { name: string; value: string }[];
  /** The certificate authority that vouched for the identity. */
  authority?: Authority;
  /** Verified times; none means that nobody knows when it was signed. A time stamp authority is named. */
  times: { source: "log" | "timestamp-authority"; at: number; authority?: Authority }[];
  /** Its entry in a transparency log. */
  log: { logId: string; index: number; url?: string } | null;
  /** The trust root's name and digest, for keyless signatures. */
  root: [string, string] | null;
  /** The reference that was signed, where the format has one. */
  signedReference: string | null;
  /** Serial number of the certificate. */
  serial?: string;
  /** What provenance says. */
  build?: { builder: string | null; source: string | null; sourceRef: string | null; buildType: string | null };
}

/** Why an image is not verified: every candidate, and why it does not count. */
export interface Denial {
  /** `"not-verified"`, or why nobody can tell. */
  class: string;
  /** The digest. */
  subject: string;
  /** Where signatures were looked for. */
  source: string;
  /** Why the whole is denied. */
  reasons: DenialReason[];
  /** Each signature that was found. */
  candidates: { place: string; object: string; countsFor: string[]; reasons: DenialReason[] }[];
}

/** One reason, for one signer or for all. */
export interface DenialReason {
  signer: string | null;
  finding: {
    /** A permanent code; `perry-sandbox verify --explain-code` has a page for it. */
    code: string;
    step: string;
    title: string;
    found: string;
    expected: string;
    remedy: string;
    /** Whether something failed, so that another try may succeed. */
    failure: boolean;
  };
}

/** A place in a policy file; `start` and `end` count bytes. */
export interface Place {
  file: string;
  line: number;
  start: number;
  end: number;
}

/** A verdict line by line. */
export interface ExplanationDocument {
  /** Every promise with its enforcer. */
  rows: { name: string; state: string; text: string; enforcer?: string; places: Place[] }[];
  /** Why it is denied; empty for an approval. */
  reasons: { code: string; places: Place[]; [detail: string]: unknown }[];
  /** What was left out of the image's own wishes, and what a trial says, in sentences. */
  notes: string[];
  /** What the trial of the image rule says, where it has one. It decides nothing. */
  trial?: Trial;
}

/** A line of the trail. */
export interface TrailMark {
  sequence: number;
  hash: string;
}
