/**
 * Reads a command line by what its command says of itself. Every mistake is found before anything is done, and is answered with the
 * word that was probably meant.
 */
import { parseArgs } from 'node:util'
import { nearest } from '../lambda/config/nearest.ts'
import type { Command, Given, Option } from './command.ts'
import { WrongUsage } from './wrong-usage.ts'

type Token = NonNullable<ReturnType<typeof tokensOf>>[number]

/** @throws {WrongUsage} */
export function readArguments(command: Command, args: readonly string[]): Given {
  const words: string[] = []
  const texts: Record<string, string> = {}
  const lists: Record<string, string[]> = Object.fromEntries(
    command.options.filter(({ many }) => many).map(({ name }) => [name, []]),
  )
  const switches = new Set<string>()
  for (const token of tokensOf(command, args)) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const option = optionOf(command, token)
    if (option.value === undefined) switches.add(option.name)
    else if (option.many) lists[option.name]?.push(textOf(command, option, token))
    else if (texts[option.name] !== undefined)
      throw wrong(command, `--${option.name} is given twice.`, `Give it once.`)
    else texts[option.name] = textOf(command, option, token)
  }
  return { words: named(command, words), texts, lists, switches }
}

/** Not strict: the library's own messages know no suggestions. */
function tokensOf(command: Command, args: readonly string[]) {
  const options = Object.fromEntries(
    command.options.map(({ name, value }) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

type OptionToken = Extract<Token, { kind: 'option' }>

function optionOf(command: Command, token: OptionToken): Option {
  const option = command.options.find(({ name }) => name === token.name)
  if (option === undefined || !token.rawName.startsWith('--')) {
    const meant = nearest(
      token.name,
      command.options.map(({ name }) => name),
    )
    const mend = meant === null ? optionsOf(command) : `Did you mean --${meant}?`
    throw wrong(command, `There is no option ${token.rawName} here.`, mend)
  }
  if (option.value === undefined && token.value !== undefined)
    throw wrong(command, `--${option.name} takes no value.`, `Give it as it is: --${option.name}`)
  return option
}

function textOf(command: Command, option: Option, token: OptionToken): string {
  const { value } = token
  const looksLikeOption = value?.startsWith('-') === true && token.inlineValue === false
  if (value === undefined || value === '' || looksLikeOption)
    throw wrong(command, `--${option.name} needs a value.`, `Give --${option.name} ${option.value}.`)
  return value
}

function named(command: Command, words: readonly string[]): Record<string, string> {
  const missing = command.words.find(({ optional }, at) => optional !== true && words[at] === undefined)
  if (missing !== undefined) throw wrong(command, `${missing.name} is missing.`, `Type: ${usageOf(command)}`)
  const tooMany = words[command.words.length]
  if (tooMany !== undefined)
    throw wrong(command, `"${tooMany}" is one word too many.`, `Type: ${usageOf(command)}`)
  return Object.fromEntries(words.map((word, at) => [command.words[at]?.name ?? '', word]))
}

function wrong(command: Command, message: string, mend: string): WrongUsage {
  return new WrongUsage(`${message} ${mend}`, `hotspare help ${command.name}`)
}

function optionsOf({ options }: Command): string {
  return `It knows: ${options.map(({ name }) => `--${name}`).join(', ')}.`
}

export function usageOf({ name, words }: Command): string {
  const places = words.map((word) => (word.optional === true ? `[${word.name}]` : word.name))
  return ['hotspare', name, ...places, '[OPTIONS]'].join(' ')
}
