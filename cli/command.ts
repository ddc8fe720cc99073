/** What a command is: its words and options, the help that teaches it, and what it does. */
import type { Terminal } from './terminal.ts'

export interface Option {
  readonly name: string
  /** What stands for the value in the help, like `NAME`; without it the option is a switch. */
  readonly value?: string
  /** May be given several times. */
  readonly many?: boolean
  readonly about: string
}

/** A word behind the command, by position. */
export interface Word {
  readonly name: string
  readonly optional?: boolean
}

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly about: string
  /** Paragraphs that teach it. */
  readonly more: readonly string[]
  readonly words: readonly Word[]
  readonly options: readonly Option[]
  /** A command line and what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** @returns the exit code. @throws {WrongUsage | NoAnswer} which become words and an exit code of their own. */
  readonly run: (given: Given, terminal: Terminal) => Promise<number>
}

/** What was typed, checked against the command. */
export interface Given {
  readonly words: Readonly<Record<string, string>>
  readonly texts: Readonly<Record<string, string>>
  readonly lists: Readonly<Record<string, readonly string[]>>
  readonly switches: ReadonlySet<string>
}
