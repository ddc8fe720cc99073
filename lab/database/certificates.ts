/**
 * Mints the certificates of one pair: an authority of its own, and a key and certificate for each server.
 *
 * The one thing to understand: clients reach a server under several loopback addresses (directly and through proxies), so all
 * of them stand in its certificate; a check of the server's name works on each. A certificate (RFC 5280) is a few nested
 * values in DER, each a tag, a length and its contents, so it is written here directly.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'

const oneHourMs = 3_600_000
const lifetimeMs = 30 * 24 * oneHourMs

export type CertificateFiles = { certificateFile: string; keyFile: string }

export type Authority = {
  caFile: string
  /** Mints a server's key and certificate, valid for these host names and IPv4 addresses, into the authority's folder. */
  issue(name: string, hosts: readonly string[]): CertificateFiles
}

/** Creates an authority in `folder`; what it issues is valid from an hour ago for thirty days. */
export function createAuthority(folder: string): Authority {
  const authorityName = 'Hotspare lab authority'
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const caFile = join(folder, 'ca.pem')
  const own = {
    subject: authorityName,
    issuer: authorityName,
    publicKey: authority.publicKey,
    signingKey: authority.privateKey,
  }
  const keyIdentifier = keyIdentifierOf(authority.publicKey)
  writeFileSync(caFile, certificate({ ...own, extensions: authorityExtensions(keyIdentifier) }))

  function issue(name: string, hosts: readonly string[]): CertificateFiles {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const files = { certificateFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key.pem`) }
    const server = {
      subject: name,
      issuer: authorityName,
      publicKey: keys.publicKey,
      signingKey: authority.privateKey,
    }
    const extensions = serverExtensions(hosts, keyIdentifier)
    writeFileSync(files.certificateFile, certificate({ ...server, extensions }))
    writeFileSync(files.keyFile, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    return files
  }

  return { caFile, issue }
}

/** A signed X.509 version 3 certificate as PEM text. */
function certificate(contents: {
  subject: string
  issuer: string
  publicKey: KeyObject
  signingKey: KeyObject
  extensions: Buffer[]
}): string {
  const signatureAlgorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2')) // ECDSA with SHA-256
  const serial = randomBytes(16)
  // A positive number whose first byte is not zero, as DER wants it.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const toBeSigned = sequence(
    value(0xa0, integer(2)),
    value(0x02, serial),
    signatureAlgorithm,
    commonName(contents.issuer),
    sequence(time(Date.now() - oneHourMs), time(Date.now() + lifetimeMs)),
    commonName(contents.subject),
    contents.publicKey.export({ type: 'spki', format: 'der' }),
    value(0xa3, sequence(...contents.extensions)),
  )
  const signature = sign('sha256', toBeSigned, contents.signingKey)
  const der = sequence(toBeSigned, signatureAlgorithm, bitString(signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** RFC 5280 asks that it be there and leaves its making to the authority; Python 3.13 verifies nothing without it. */
function keyIdentifierOf(publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)
}

function authorityExtensions(keyIdentifier: Buffer): Buffer[] {
  const isAuthority = sequence(value(0x01, Buffer.from([0xff])))
  const keyCertificateSign = value(0x03, Buffer.from([2, 0b00000100]))
  return [
    extension('2.5.29.19', isAuthority, 'critical'),
    extension('2.5.29.15', keyCertificateSign, 'critical'),
    extension('2.5.29.14', value(0x04, keyIdentifier)),
  ]
}

function serverExtensions(hosts: readonly string[], authorityKeyIdentifier: Buffer): Buffer[] {
  const names = hosts.map((host) => {
    return isIPv4(host)
      ? value(0x87, Buffer.from(host.split('.').map(Number)))
      : value(0x82, Buffer.from(host))
  })
  const serverAuthentication = sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))
  return [
    extension('2.5.29.17', sequence(...names)),
    extension('2.5.29.37', serverAuthentication),
    extension('2.5.29.35', sequence(value(0x80, authorityKeyIdentifier))),
  ]
}

function extension(identifier: string, contents: Buffer, critical?: 'critical'): Buffer {
  const flag = critical === undefined ? [] : [value(0x01, Buffer.from([0xff]))]
  return sequence(objectIdentifier(identifier), ...flag, value(0x04, contents))
}

function commonName(name: string): Buffer {
  const attribute = sequence(objectIdentifier('2.5.4.3'), value(0x0c, Buffer.from(name)))
  return sequence(value(0x31, attribute))
}

/** UTCTime, `YYMMDDhhmmssZ`. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return value(0x17, Buffer.from(`${text}Z`))
}

function integer(small: number): Buffer {
  return value(0x02, Buffer.from([small]))
}

function bitString(contents: Buffer): Buffer {
  return value(0x03, Buffer.concat([Buffer.from([0]), contents]))
}

function sequence(...parts: Buffer[]): Buffer {
  return value(0x30, ...parts)
}

/** The first two numbers share a byte; the others are in base 128, most significant first, with a continuation bit. */
function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = rest.flatMap((number) => {
    const digits = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return value(0x06, Buffer.from([first * 40 + second, ...bytes]))
}

/** One DER value: tag, length, contents. */
function value(tag: number, ...parts: Buffer[]): Buffer {
  const contents = Buffer.concat(parts)
  const { length } = contents
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), contents])
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), contents])
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), contents])
}
