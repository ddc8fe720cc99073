/** Answers a request in this process: the very code that the deployed function runs, with its log lines as progress. */
import { type Configuration, ConfigurationError, loadConfiguration } from '../lambda/config.ts'
import type { Answer } from '../lambda/request-event.ts'
import { answer } from '../lambda/requests.ts'
import { NoAnswer } from './wrong-usage.ts'

export interface Here {
  /** Null for the usual places. */
  readonly configurationFile: string | null
  /** Takes each log line, JSON without its end. */
  readonly log: (line: string) => void
  /** How long it may still take. */
  readonly remainingMs: () => number
}

export function askHere(event: unknown, { configurationFile, log, remainingMs }: Here): Promise<Answer> {
  return answer(configurationOf(configurationFile), event, remainingMs, { log, metrics: false })
}

/** @throws {NoAnswer} with every problem of the file, each with its mend. */
export function configurationOf(file: string | null): Configuration {
  try {
    return file === null ? loadConfiguration() : loadConfiguration(file)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new NoAnswer({
      situation: 'configuration-invalid',
      because: error.message,
      atRisk: 'No: nothing was looked at or changed.',
      next: 'Mend the file as each line says, then type the same again. hotspare.schema.json describes it.',
    })
  }
}
