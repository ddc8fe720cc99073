/**
 * A short fingerprint of a position, so that the ledger (which may be public) can say which position was taken over without
 * naming it. FNV-1a, 64 bits: it guards against mix-ups, not against an adversary, who could not write the ledger anyway.
 */
export function digest(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of new Uint8Array([...text].map((character) => character.charCodeAt(0) & 0xff)))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
