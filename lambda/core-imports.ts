/**
 * Proves that lambda/core imports nothing but lambda/core: no clock, no socket, no SDK, and no type from outside either.
 *
 * The one thing to understand: there are two proofs because neither is enough. The bundler's metafile says what each module
 * really resolved to, but knows no types and no file that nothing imports; the scanner reads every import in every file of
 * the folder, types included, but only as written.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Metafile } from 'esbuild'
import { SyntaxKind } from 'typescript/unstable/ast'
import { createScanner } from 'typescript/unstable/ast/scanner'

/** A core file that imports something outside of the core. */
export class ImpureCore extends Error {
  override name = 'ImpureCore'

  constructor(file: string, specifier: string) {
    super(
      `${file} imports "${specifier}", but lambda/core may only import lambda/core (types too). ` +
        'Pass what it needs as plain data, or move the file out of the core.',
    )
  }
}

/**
 * Checks what the bundler resolved. Paths in the metafile are relative to `projectDir`, and so is `coreDir`.
 *
 * @throws ImpureCore naming the first file and import that leaves the core.
 */
export function checkCoreByMetafile(metafile: Metafile, coreDir: string): void {
  const inside = (path: string): boolean => path.startsWith(`${coreDir}/`)
  for (const [file, input] of Object.entries(metafile.inputs)) {
    if (!inside(file)) continue
    for (const imported of input.imports) {
      if (imported.external === true || !inside(imported.path)) {
        throw new ImpureCore(file, imported.original ?? imported.path)
      }
    }
  }
}

/**
 * Checks every import as written, `import type` and `import('...')` included, in every TypeScript file under
 * `projectDir/coreDir`. A core that does not exist yet passes.
 *
 * @throws ImpureCore naming the first file and import that leaves the core.
 */
export function checkCoreBySource(projectDir: string, coreDir: string): void {
  const folder = resolve(projectDir, coreDir)
  for (const file of typeScriptFilesIn(folder)) {
    for (const specifier of importsIn(readFileSync(file, 'utf8'))) {
      const relativeImport = specifier.startsWith('./') || specifier.startsWith('../')
      const target = resolve(dirname(file), specifier)
      if (!relativeImport || !target.startsWith(folder + sep)) {
        throw new ImpureCore(relative(projectDir, file), specifier)
      }
    }
  }
}

/** The specifiers of all imports and re-exports in a TypeScript text, in order: static, dynamic, type-only and `require`. */
export function importsIn(text: string): string[] {
  const tokens = tokensOf(text)
  const specifiers: string[] = []
  tokens.forEach(({ kind, value }, index) => {
    const before = tokens[index - 1]
    const beforeThat = tokens[index - 2]
    if (before?.kind === SyntaxKind.OpenParenToken && isCallToImport(beforeThat)) {
      const literal = kind === SyntaxKind.StringLiteral || kind === SyntaxKind.NoSubstitutionTemplateLiteral
      specifiers.push(literal ? value : '(a computed import)')
    } else if (kind === SyntaxKind.StringLiteral) {
      const afterKeyword =
        before?.kind === SyntaxKind.FromKeyword || before?.kind === SyntaxKind.ImportKeyword
      if (afterKeyword) specifiers.push(value)
    }
  })
  return specifiers
}

type Token = { kind: SyntaxKind; value: string }

function isCallToImport(token: Token | undefined): boolean {
  return token?.kind === SyntaxKind.ImportKeyword || token?.kind === SyntaxKind.RequireKeyword
}

/** All tokens of a text. Two need help, because a scanner has no grammar: a slash that opens a regular expression, and
 *  the brace that ends the hole of a template. */
function tokensOf(text: string): Token[] {
  const scanner = createScanner(true)
  scanner.setText(text)
  const tokens: Token[] = []
  const openBraces: ('block' | 'template')[] = []
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    if (kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) {
      if (!endsValue(tokens.at(-1)?.kind)) kind = scanner.reScanSlashToken()
    } else if (kind === SyntaxKind.TemplateHead) {
      openBraces.push('template')
    } else if (kind === SyntaxKind.OpenBraceToken) {
      openBraces.push('block')
    } else if (kind === SyntaxKind.CloseBraceToken && openBraces.pop() === 'template') {
      kind = scanner.reScanTemplateToken(false)
      if (kind === SyntaxKind.TemplateMiddle) openBraces.push('template')
    }
    tokens.push({ kind, value: scanner.getTokenValue() })
  }
  return tokens
}

/** Whether a slash after this token divides. A closing brace ends a block far more often than a value. */
function endsValue(kind: SyntaxKind | undefined): boolean {
  switch (kind) {
    case SyntaxKind.Identifier:
    case SyntaxKind.NumericLiteral:
    case SyntaxKind.BigIntLiteral:
    case SyntaxKind.StringLiteral:
    case SyntaxKind.NoSubstitutionTemplateLiteral:
    case SyntaxKind.TemplateTail:
    case SyntaxKind.CloseParenToken:
    case SyntaxKind.CloseBracketToken:
    case SyntaxKind.ThisKeyword:
      return true
    default:
      return false
  }
}

function typeScriptFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[cm]?ts$/.test(name))
      .sort()
      .map((name) => join(folder, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
