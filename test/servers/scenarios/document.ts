/**
 * docs/scenarios.md from the table. After a change of the table, write it anew:
 *
 *     node tools/run.mjs test/servers/scenarios/document.ts
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cell, Scenario } from './scenario.ts'
import { ELSEWHERE, SUITES } from './table.ts'

const head = `# Every way to die

What goes wrong, and what Hotspare then does. Each row is played on MySQL 9.7 and MariaDB 10.11 by \`npm run test:scenarios\`
([test/servers/scenarios](../test/servers/scenarios/table.ts)), and is red if the function's log or the number of failovers says
otherwise. The codes lead to the [runbook](operations.md). T and a number is a known trap that users of earlier tools have
fallen into, M and a number one of the [musts](architecture.md#the-musts), X and a number a fault that was found in Hotspare and mended.
`

export function scenariosDocument(): string {
  const suites = Object.values(SUITES).filter(({ rows }) => rows.length > 0)
  const tables = suites.map(({ heading, rows, mariadbToo }) => {
    const lines = ['| | what goes wrong | what Hotspare does | MySQL | MariaDB |', '|---|---|---|---|---|']
    const too =
      mariadbToo === undefined
        ? []
        : [`Its rows are played on MariaDB ${mariadbToo.join(' and ')} as well.`, '']
    return [`## ${heading}`, '', ...too, ...lines, ...rows.map(line), ''].join('\n')
  })
  return [head, ...tables, ...elsewhere()].join('\n')
}

function line({ trap, title, does, situations, cells }: Scenario): string {
  const codes = situations.map((code) => `[\`${code}\`](operations.md#${code})`).join(', ')
  const columns = [trap, title, `${does} (${codes})`, cell(cells.mysql), cell(cells.mariadb)]
  return `| ${columns.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
}

function cell(value: Cell): string {
  return value === 'tested' ? 'tested' : `cannot happen: ${value.cannot}`
}

function elsewhere(): string[] {
  const entries = Object.entries(ELSEWHERE)
  if (entries.length === 0) return []
  const lines = entries.map(([trap, where]) =>
    'file' in where
      ? `| ${trap} | [${where.file}](../${where.file}) |`
      : `| ${trap} | not yet: ${where.notBuilt} |`,
  )
  return ['## Known traps guarded elsewhere', '', '| | |', '|---|---|', ...lines, '']
}

if (import.meta.main)
  writeFileSync(join(import.meta.dirname, '../../../docs/scenarios.md'), scenariosDocument())
