/** Why a command can't be carried out, in words for people: what happened, whether data is at risk, what to type next. */

/** The command line is wrong; nothing was done. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
  /** What to type instead. */
  readonly mend: string

  constructor(message: string, mend: string) {
    super(message)
    this.mend = mend
  }
}

/** The command was right, and no answer could be had. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** A word for scripts, like a situation's code. */
  readonly situation: string
  readonly atRisk: string
  readonly next: string

  constructor(given: { situation: string; because: string; atRisk: string; next: string }) {
    super(given.because)
    this.situation = given.situation
    this.atRisk = given.atRisk
    this.next = given.next
  }
}
