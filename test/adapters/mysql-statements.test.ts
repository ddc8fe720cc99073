/** Statements and rows of the MySQL dialects, without a server. */
import { expect, test } from 'vitest'
import { TableCollector } from '../../lambda/adapters/mysql/binlog.ts'
import { decidingVariables, dialectFor } from '../../lambda/adapters/mysql/dialect.ts'
import { chooseChannel } from '../../lambda/adapters/mysql/look.ts'
import { openStatement, sqlClock } from '../../lambda/adapters/mysql/statements.ts'

const uuid = 'aaaaaaaa-1111-2222-3333-444444444444'

function collect(wanted: readonly string[], events: readonly (readonly [string, string])[]) {
  const collector = new TableCollector(wanted)
  for (const [type, info] of events) collector.add(type, info)
  return collector.result()
}

const begin = (number: number): [string, string][] => [
  ['Gtid', `SET @@SESSION.GTID_NEXT= '${uuid}:${number}'`],
  ['Query', 'BEGIN'],
]

test('the opening statement carries its end and is the one that works on a closed and an open server (T36)', () => {
  const at = Date.UTC(2026, 2, 1, 12, 0, 0, 250)
  expect(sqlClock(at)).toBe('2026-03-01 12:00:00.250000')
  expect(openStatement(at)).toBe(
    "SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < '2026-03-01 12:00:00.250000', 0, @@global.read_only)",
  )
})

test('versions are asked in their own words (T19)', () => {
  const none = new Set<string>()
  expect(dialectFor('5.7.44-log', none).showReplication).toBe('SHOW SLAVE STATUS')
  expect(dialectFor('8.0.21', none).stopReceiver).toBe('STOP SLAVE IO_THREAD FOR CHANNEL ?')
  expect(dialectFor('8.0.22', none).stopReceiver).toBe('STOP REPLICA IO_THREAD FOR CHANNEL ?')
  expect(dialectFor('9.7.4-2', none).showReplication).toBe('SHOW REPLICA STATUS')
  expect(dialectFor('5.7.44', none).channelFacts).not.toContain('APPLYING_TRANSACTION')
  for (const version of ['5.7.44', '8.0.36', '9.7.4']) {
    expect(dialectFor(version, none).channelFacts.match(/\?/g)).toHaveLength(3)
  }
  expect(() => dialectFor('10.11.6-MariaDB', none)).toThrow(/MariaDB/)
  expect(() => dialectFor('5.6.51', none)).toThrow(/5.7 or later/)
})

test('semi-synchronous replication goes by its old or its new name, or is not there', () => {
  expect(dialectFor('9.7.4', new Set()).waitingSwitch).toBeNull()
  const old = dialectFor('8.0.30', new Set(['rpl_semi_sync_master_enabled']))
  expect(old.waitingSwitch).toBe('rpl_semi_sync_master_enabled')
  expect(old.globals.join()).toContain("'Rpl_semi_sync_master_clients'")
  expect(dialectFor('9.7.4', new Set(decidingVariables)).waitingSwitch).toBe('rpl_semi_sync_source_enabled')
})

test('the default channel is taken, else the first that is not of group replication', () => {
  const [one, normal, group] = [
    { Channel_Name: 'a' },
    { Channel_Name: '' },
    { Channel_Name: 'group_replication_applier' },
  ]
  expect(chooseChannel([one, normal])).toBe(normal)
  expect(chooseChannel([group, one])).toBe(one)
  expect(chooseChannel([group])).toBeNull()
  expect(chooseChannel([])).toBeNull()
})

test('the tables of a row-based transaction are told once each', () => {
  const found = collect(
    [`${uuid}:5`],
    [
      ...begin(4),
      ['Table_map', 'table_id: 90 (shop.other)'],
      ['Write_rows', 'table_id: 90 flags: STMT_END_F'],
      ['Xid', 'COMMIT /* xid=1 */'],
      ...begin(5),
      ['Table_map', 'table_id: 91 (shop.orders)'],
      ['Table_map', 'table_id: 92 (hotspare.heartbeat)'],
      ['Update_rows', 'table_id: 91'],
      ['Table_map', 'table_id: 91 (shop.orders)'],
      ['Delete_rows', 'table_id: 91 flags: STMT_END_F'],
      ['Xid', 'COMMIT /* xid=2 */'],
    ],
  )
  expect(found).toEqual([{ gtid: `${uuid}:5`, tables: ['hotspare.heartbeat', 'shop.orders'] }])
})

test('a transaction with a statement in it, or without its end, is never taken for harmless', () => {
  const harmless: [string, string] = ['Table_map', 'table_id: 92 (hotspare.heartbeat)']
  const mixed = collect(
    [`${uuid}:5`],
    [...begin(5), harmless, ['Query', 'use `shop`; DELETE FROM orders'], ['Xid', 'COMMIT /* xid=2 */']],
  )
  expect(mixed).toEqual([{ gtid: `${uuid}:5`, tables: [] }])
  expect(collect([`${uuid}:5`], [...begin(5), harmless])).toEqual([{ gtid: `${uuid}:5`, tables: [] }])
})
