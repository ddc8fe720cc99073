/** `hotspare explain`: why a logged look was decided as it was. */
import { readFileSync } from 'node:fs'
import { explain as explainLook } from '../../lambda/core/explain.ts'
import type { Command } from '../command.ts'
import { DONE } from '../exit-codes.ts'
import { type LoggedLook, looksIn } from '../logged-looks.ts'
import { momentsForPeople } from '../moments.ts'
import { explanationForPeople } from '../render/explanation.ts'
import { paintFor, type Terminal, widthOf } from '../terminal.ts'
import { WrongUsage } from '../wrong-usage.ts'

export const explain: Command = {
  name: 'explain',
  about: 'say why a logged look was decided as it was: which row matched, and which before it did not',
  more: [
    'Each log line of kind "look" holds everything that the decision was made from. This runs the decision again, with this version\'s tables, and shows the pair as it was seen.',
    'FILE may be one log line, a file of lines with others between them, the output of "aws logs filter-log-events" or "aws logs tail", or an export of CloudWatch Logs Insights (JSON or CSV); - reads what is pasted or piped in. Of several looks the last one is explained, and all are listed; --look picks one.',
  ],
  words: [{ name: 'FILE' }],
  options: [
    { name: 'look', value: 'NUMBER', about: 'Which look, counted from 1' },
    { name: 'json', about: 'Answer in JSON, for scripts' },
  ],
  examples: [
    ['hotspare explain world.json', 'explains the last look in the file'],
    [
      'aws logs tail /aws/lambda/hotspare-Watch --since 1h | hotspare explain - --look 3',
      'explains the third',
    ],
  ],
  async run({ words, texts, switches }, terminal) {
    const file = words.FILE ?? '-'
    const looks = looksIn(await textOf(file, terminal))
    if (looks.length === 0)
      throw new WrongUsage(
        `There is no logged look in ${file === '-' ? 'what was piped in' : file}: a line with "kind":"look", "memory", "world" and "now".`,
        'hotspare help explain',
      )
    const at = numberOf(texts.look, looks.length) - 1
    const look = looks[at] as LoggedLook
    const explanation = explainLook(look.memory, look.world, look.now)
    const { stdout, environment } = terminal
    if (switches.has('json')) {
      const { decision, ...rest } = explanation
      const { situation, step } = decision
      const logged = look.situation
      stdout.write(
        `${JSON.stringify({ ok: true, look: at + 1, of: looks.length, logged, ...rest, situation, step }, null, 2)}\n`,
      )
      return DONE
    }
    const paint = paintFor(stdout, environment)
    if (looks.length > 1) stdout.write(`${listOf(looks, at)}\n\n`)
    stdout.write(explanationForPeople(look, explanation, { paint, width: widthOf(stdout) }))
    return DONE
  },
}

async function textOf(file: string, { stdin }: Terminal): Promise<string> {
  if (file === '-') {
    const chunks: string[] = []
    for await (const chunk of stdin) chunks.push(String(chunk))
    return chunks.join('')
  }
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    const why = code === 'ENOENT' ? 'there is no such file' : code
    throw new WrongUsage(`${file} can't be read: ${why}.`, 'hotspare help explain')
  }
}

function numberOf(text: string | undefined, count: number): number {
  if (text === undefined) return count
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > count)
    throw new WrongUsage(`--look ${text}: there are looks 1 to ${count}.`, 'hotspare help explain')
  return number
}

function listOf(looks: readonly LoggedLook[], chosen: number): string {
  return looks
    .map(({ world, situation }, at) => {
      const when = momentsForPeople(new Date(world.wallClockMs).toISOString())
      return `${at === chosen ? '>' : ' '} ${String(at + 1).padStart(3)}  ${when}  ${situation ?? '(not said)'}`
    })
    .join('\n')
}
