/**
 * Stands in for iconv-lite in the bundle: the two functions that mysql2 calls, without half a megabyte of tables.
 *
 * The one thing to understand: mysql2 decodes utf8mb4, latin1, ascii, ucs2 and binary with Node's Buffer and comes here for
 * the rest. That includes servers whose default character set is an old one: the handshake's character set is used for
 * session tracking in every OK packet, though our own results arrive in utf8mb4. So decoding here must never fail on the
 * plain ASCII that such packets hold, or a watch could not talk to a server with character_set_server = gbk at all.
 */

/** mysql2's names (lib/constants/charset_encodings.js) for what Node's TextDecoder knows under another name. */
const textDecoderNames: Readonly<Record<string, string>> = {
  big5: 'big5',
  cesu8: 'utf-8', // MySQL's utf8mb3: it holds no character for which the two differ
  cp866: 'ibm866',
  cp932: 'shift_jis',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1256: 'windows-1256',
  cp1257: 'windows-1257',
  eucjp: 'euc-jp',
  eucjpms: 'euc-jp',
  euckr: 'euc-kr',
  gb2312: 'gbk',
  gb18030: 'gb18030',
  gbk: 'gbk',
  greek: 'iso-8859-7',
  hebrew: 'iso-8859-8',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  latin2: 'iso-8859-2',
  latin5: 'iso-8859-9',
  latin7: 'iso-8859-13',
  macintosh: 'macintosh',
  macroman: 'macintosh',
  sjis: 'shift_jis',
  tis620: 'windows-874',
  'utf16-le': 'utf-16le',
  utf16: 'utf-16be',
}

/** One byte a character and the same as ASCII below 128, but unknown to Node above. */
const asciiBelow128 = new Set(['armscii8', 'cp850', 'cp852', 'dec8', 'geostd8', 'hp8', 'keybcs2'])

/** What mysql2 uses of a decoder: one write, one end; nothing is kept between calls. */
export type Decoder = { write(bytes: Uint8Array): string; end(): string | undefined }

/** What mysql2 uses of an encoder: one write, one end; nothing is kept between calls. */
export type Encoder = { write(text: string): Buffer; end(): Buffer | undefined }

/** A character set that the bundle cannot translate. */
export class UnsupportedCharacterSet extends Error {
  override name = 'UnsupportedCharacterSet'

  constructor(encoding: string) {
    super(
      `The character set "${encoding}" is not supported. Let the server send utf8mb4: set character_set_server = utf8mb4, ` +
        'or remove skip-character-set-client-handshake.',
    )
  }
}

/**
 * A decoder for one of mysql2's encoding names.
 *
 * @throws UnsupportedCharacterSet for an unknown name; and from `write`, for a byte above 127 in a set without a table.
 */
export function getDecoder(encoding: string): Decoder {
  const name = encoding.toLowerCase()
  if (Buffer.isEncoding(name)) {
    return { write: (bytes) => viewOf(bytes).toString(name), end: () => undefined }
  }
  const known = textDecoderNames[name]
  if (known === undefined && !asciiBelow128.has(name)) throw new UnsupportedCharacterSet(encoding)
  const asciiCompatible = known === undefined || !known.startsWith('utf-16')
  return {
    write(bytes) {
      if (asciiCompatible && isAscii(bytes)) return viewOf(bytes).toString('latin1')
      if (known === undefined) throw new UnsupportedCharacterSet(encoding)
      return new TextDecoder(known, { ignoreBOM: true }).decode(bytes)
    },
    end: () => undefined,
  }
}

/**
 * An encoder for one of mysql2's encoding names. We speak utf8mb4 to servers, so only what Node's Buffer writes, and ASCII
 * text in the sets that contain ASCII, is offered.
 *
 * @throws UnsupportedCharacterSet for an unknown name; and from `write`, for text that is not ASCII.
 */
export function getEncoder(encoding: string): Encoder {
  const name = encoding.toLowerCase()
  if (Buffer.isEncoding(name)) {
    return { write: (text) => Buffer.from(text, name), end: () => undefined }
  }
  const known = textDecoderNames[name]
  if (known?.startsWith('utf-16') || (known === undefined && !asciiBelow128.has(name))) {
    throw new UnsupportedCharacterSet(encoding)
  }
  return {
    write(text) {
      const bytes = Buffer.from(text, 'utf8')
      const sameInUtf8 = known === 'utf-8' && !/[\ud800-\udfff]/.test(text)
      if (!sameInUtf8 && !isAscii(bytes)) throw new UnsupportedCharacterSet(encoding)
      return bytes
    },
    end: () => undefined,
  }
}

function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte < 128)
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
