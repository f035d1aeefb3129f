// Where things are, seen from the folder that the programs run in.

export const IMAGE = "oci:examples/hello/image";
export const POLICY = "examples/perry/policy.toml";
export const KEY = "examples/hello/cosign.pub";

/** Options of the example's capabilities. */
export const HELLO = { policy: POLICY, image: IMAGE };

/** A shell in the example's image. */
export function shell(script: string): { image: string; args: string[]; signer: { key: string } } {
  return { image: IMAGE, args: ["/bin/busybox", "sh", "-c", script], signer: { key: KEY } };
}
