/** Statements and rows of the MySQL dialects, without a server. */
import { describe, expect, test } from 'vitest'
import { TableCollector } from '../../lambda/adapters/mysql/binlog.ts'
import { channelParameters, decidingVariables, dialectFor } from '../../lambda/adapters/mysql/dialect.ts'
import { setOfState } from '../../lambda/adapters/mysql/dialect-mariadb.ts'
import { chooseChannel } from '../../lambda/adapters/mysql/look.ts'
import { statementOn } from '../../lambda/adapters/mysql/statement-on.ts'
import { openStatement, sqlClock } from '../../lambda/adapters/mysql/statements.ts'

const uuid = 'aaaaaaaa-1111-2222-3333-444444444444'

function collect(wanted: readonly string[], events: readonly (readonly [string, string])[]) {
  const collector = new TableCollector(wanted.join(','), 1000)
  for (const [type, info] of events) collector.add(type, info)
  return collector.result('').transactions
}

/** The same of a file that was read to its end. */
function found(wanted: string, events: readonly (readonly [string, string])[]) {
  const collector = new TableCollector(wanted, 1000)
  for (const [type, info] of events) collector.add(type, info)
  collector.endFile(true)
  return collector.result('')
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
  expect(channelParameters(dialectFor('9.7.4', none).waitingAppliers, 'x')).toEqual(['x'])
  expect(channelParameters(dialectFor('11.8.3-MariaDB', none).waitingAppliers, 'x')).toEqual([])
  expect(dialectFor('10.11.6-MariaDB', none).family).toBe('mariadb')
  expect(() => dialectFor('10.5.29-MariaDB-log', none)).toThrow(/10.6 or later/)
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
  const mysql = dialectFor('9.7.4', new Set())
  expect(chooseChannel([one, normal], mysql)).toBe(normal)
  expect(chooseChannel([group, one], mysql)).toBe(one)
  expect(chooseChannel([group], mysql)).toBeNull()
  expect(chooseChannel([], mysql)).toBeNull()
  const mariadb = dialectFor('11.8.3-MariaDB', new Set())
  const [first, unnamed] = [{ Connection_name: 'a' }, { Connection_name: '' }]
  expect(chooseChannel([first, unnamed], mariadb)).toBe(unnamed)
})

test("MariaDB's list of last transactions is the set of everything up to them", () => {
  expect(setOfState('')).toBe('')
  expect(setOfState('0-2-150,0-1-100')).toBe('0-1:1-100,0-2:1-150')
  // Binary log and replica position together: the later of both.
  expect(setOfState('0-1-100,0-2-150,0-2-151')).toBe('0-1:1-100,0-2:1-151')
  expect(() => setOfState('aaaa:1-5')).toThrow(/MariaDB/)
})

test('X31: what Hotspare numbers apart is in no set that is compared', () => {
  expect(setOfState('0-1-100,3000000001-1-7,3999999999-2-9')).toBe('0-1:1-100')
  expect(setOfState('2999999999-1-7,4000000000-1-8')).toBe('2999999999-1:1-7,4000000000-1:1-8')
  const { channelOf, numberingOf } = dialectFor('10.11.6-MariaDB', new Set())
  const status = {
    ...{ Using_Gtid: 'Slave_Pos', Gtid_IO_Pos: '0-1-5,3000000001-1-8' },
    ...{ Master_Log_File: 'bin.000001', Relay_Master_Log_File: 'bin.000001' },
    ...{ Read_Master_Log_Pos: 900, Exec_Master_Log_Pos: 800 },
    ...{ Slave_received_heartbeats: 3, Slave_heartbeat_period: 1, Master_Server_Id: 1 },
  }
  // A heartbeat that is received and not applied yet is no half transaction.
  const behind = { executed: '0-1-5,3000000001-1-7' }
  expect(channelOf(status, behind)).toMatchObject({ received: '0-1:1-5', queueing: '' })
  const all = { executed: '0-1-5,3000000001-1-8' }
  expect(channelOf(status, all)).toMatchObject({ received: '0-1:1-5', queueing: 'half' })
  const globals = { in_order: 1, usual_domain: 0, our_domain: 3_000_000_001 }
  expect(numberingOf(globals)).toEqual({ inOrder: true, oursApart: true })
  expect(numberingOf({ ...globals, our_domain: 0 })).toMatchObject({ oursApart: false })
  expect(() => numberingOf({ ...globals, usual_domain: 3_000_000_001 })).toThrow(
    /its gtid_domain_id is 3000000001, .* does nothing here/,
  )
  expect(dialectFor('9.7.4', new Set()).numberingOf({})).toBeNull()
})

test('T33: on MariaDB, more read than applied while all that is complete is applied: half a transaction', () => {
  const { channelOf } = dialectFor('10.11.6-MariaDB', new Set())
  const status = {
    Using_Gtid: 'Slave_Pos',
    Gtid_IO_Pos: '0-1-5',
    Master_Log_File: 'bin.000001',
    Relay_Master_Log_File: 'bin.000001',
    Read_Master_Log_Pos: 900,
    Exec_Master_Log_Pos: 900,
    Slave_received_heartbeats: 3,
    Slave_heartbeat_period: 1,
    Master_Server_Id: 1,
  }
  const facts = { executed: '0-1-5' }
  expect(() => channelOf({ ...status, Using_Gtid: 'No' }, facts)).toThrow(/needs GTIDs/)
  expect(channelOf(status, facts)).toMatchObject({
    received: '0-1:1-5',
    queueing: '',
    heartbeatPeriodMs: 1000,
  })
  expect(channelOf({ ...status, Read_Master_Log_Pos: 901 }, facts).queueing).toBe('half')
  expect(
    channelOf({ ...status, Master_Log_File: 'bin.000002', Read_Master_Log_Pos: 4 }, facts).queueing,
  ).toBe('half')
  // What is merely unapplied doesn't count: it is complete.
  expect(channelOf({ ...status, Read_Master_Log_Pos: 901 }, { executed: '0-1-4' }).queueing).toBe('')
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
  expect(mixed).toEqual([{ gtid: `${uuid}:5`, tables: ['statement on shop.orders'] }])
  expect(collect([`${uuid}:5`], [...begin(5), harmless])).toEqual([{ gtid: `${uuid}:5`, tables: [] }])
})

test("MariaDB's transactions are told by their tables too; its DDL is never taken for harmless", () => {
  const found = collect(
    ['0-1-5', '0-1-6', '0-1-7'],
    [
      ['Gtid_list', '[0-1-4]'],
      ['Gtid', 'BEGIN GTID 0-1-5'],
      ['Annotate_rows', "UPDATE hotspare.heartbeat SET sequence = 5 WHERE pair = 'orders'"],
      ['Table_map', 'table_id: 18 (hotspare.heartbeat)'],
      ['Update_rows_v1', 'table_id: 18 flags: STMT_END_F'],
      ['Xid', 'COMMIT /* xid=8 */'],
      ['Gtid', 'GTID 0-1-6'],
      ['Query', 'use `hotspare`; DROP TABLE heartbeat'],
      ['Gtid', 'BEGIN GTID 0-1-7 cid=12'],
      ['Table_map', 'table_id: 19 (shop.orders)'],
      ['Write_rows_v1', 'table_id: 19 flags: STMT_END_F'],
      ['Xid', 'COMMIT /* xid=9 */'],
    ],
  )
  expect(found).toEqual([
    { gtid: '0-1-5', tables: ['hotspare.heartbeat'] },
    { gtid: '0-1-6', tables: ['statement on hotspare.heartbeat'] },
    { gtid: '0-1-7', tables: ['shop.orders'] },
  ])
})

describe("on MariaDB a server's own transactions are few among the numbers of its domain", () => {
  const events: [string, string][] = [
    ['Gtid_list', '[0-1-5]'],
    ['Gtid', 'BEGIN GTID 0-2-6'],
    ['Table_map', 'table_id: 19 (shop.orders)'],
    ['Write_rows_v1', 'table_id: 19 flags: STMT_END_F'],
    ['Xid', 'COMMIT /* xid=9 */'],
  ]

  test('numbers that belong to nobody are told apart from those that were not found', () => {
    // What came before the file is not known: the state says only what was last. Nor is what comes after the last that it holds.
    expect(found('0-2:1-7', [['Gtid_list', '[0-1-5,0-2-3]'], ...events.slice(1)])).toMatchObject({
      absent: '0-2:4-5',
    })
    expect(found('0-2:1-6', events)).toEqual({
      transactions: [{ gtid: '0-2-6', tables: ['shop.orders'] }],
      absent: '0-2:1-5',
      unread: '',
    })
  })

  test('X58: nothing is absent that the log does not show between two transactions of its line', () => {
    const [, ...own] = events
    // A copy was restored before the log began: it has what the log never held.
    expect(found('0-1:4-5,0-2:1-6', [['Gtid_list', '[]'], ...own]).absent).toBe('')
    // After the last one that the log shows, replication may have applied more without logging it.
    expect(found('0-2:7-9', events).absent).toBe('')
    // A number that came after a higher one: any other may have, too.
    const earlier: [string, string] = ['Gtid', 'BEGIN GTID 0-3-2']
    expect(found('0-2:1-6', [...events, earlier]).absent).toBe('')
  })

  test('X58: after a file that was not read to its end, none that is older proves anything', () => {
    const collector = new TableCollector('0-2:1-6', 1000)
    collector.endFile(false)
    for (const [type, info] of events) collector.add(type, info)
    collector.endFile(true)
    expect(collector.result('').absent).toBe('')
  })

  test('nothing is absent as long as no file was read to its end, nor on MySQL', () => {
    const collector = new TableCollector('0-2:1-6', 1000)
    for (const [type, info] of events) collector.add(type, info)
    collector.endFile(false)
    expect(collector.result('').absent).toBe('')
    expect(found(`${uuid}:1-9`, begin(5)).absent).toBe('')
  })
})

test.each([
  ["use `shop`; INSERT INTO orders (token) VALUES ('secret')", 'statement on shop.orders'],
  ["insert into `shop`.`orders` values ('secret')", 'statement on shop.orders'],
  ['UPDATE shop.orders SET note = 1', 'statement on shop.orders'],
  ['use `shop`; /* tool */ DELETE FROM orders WHERE 1', 'statement on shop.orders'],
  ['use `shop`; ALTER TABLE orders ADD x INT', 'statement on shop.orders'],
  ["use `shop`; CALL pay('secret')", 'statement in shop'],
  ["CALL pay('secret')", null],
])('of a statement only what it is on is told: %s', (info, expected) => {
  expect(statementOn(info)).toBe(expected)
})

test('X51: comments and blanks of any number are read past in no time', () => {
  const comments = '/**/ '.repeat(200_000)
  expect(statementOn(`${comments}UPDATE shop.orders SET note = 1`)).toBe('statement on shop.orders')
  expect(statementOn(`use \`shop\`; ${'/*'.repeat(200_000)}`)).toBe('statement in shop')
  expect(statementOn(`${'/* a'.repeat(50)}*/${' '.repeat(200_000)}/`)).toBeNull()
  expect(statementOn(`INSERT${' '.repeat(500_000)}x`)).toBeNull()
})

test('X58: rows whose commit was not seen are not told, whatever comes after them', () => {
  const half: [string, string][] = [...begin(5), ['Table_map', 'table_id: 92 (hotspare.heartbeat)']]
  expect(collect([`${uuid}:5`], [...half, ...begin(6)])).toEqual([{ gtid: `${uuid}:5`, tables: [] }])
  expect(found(`${uuid}:5`, half).transactions).toEqual([{ gtid: `${uuid}:5`, tables: [] }])
})
