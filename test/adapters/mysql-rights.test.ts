/** X38: our rights as servers list them (MySQL 9.7, MariaDB 10.11 and 11.8 as they printed them), against what account.ts asks for. */
import { describe, expect, test } from 'vitest'
import { eventGrantsFor, grantsFor } from '../../lambda/adapters/mysql/account.ts'
import { missingRights } from '../../lambda/adapters/mysql/rights.ts'

const MYSQL = { family: 'mysql', major: 9, minor: 7 } as const
const MARIADB = { family: 'mariadb', major: 11, minor: 8 } as const
const OLDER_MARIADB = { family: 'mariadb', major: 10, minor: 11 } as const
const TO = 'TO `hotspare`@`127.%`'

const mysql = [
  `GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, EVENT ON *.* ${TO}`,
  `GRANT CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN,SET_ANY_DEFINER,SYSTEM_USER,SYSTEM_VARIABLES_ADMIN ON *.* ${TO}`,
  `GRANT SELECT, INSERT, UPDATE ON \`hotspare\`.* ${TO}`,
  `GRANT SELECT ON \`performance_schema\`.* ${TO}`,
]
const mariadb = [
  `GRANT PROCESS, SUPER, BINLOG MONITOR, EVENT, SET USER, CONNECTION ADMIN, READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, BINLOG ADMIN, BINLOG REPLAY, SLAVE MONITOR ON *.* ${TO} IDENTIFIED BY PASSWORD '*0' REQUIRE SSL`,
  `GRANT SELECT, INSERT, UPDATE ON \`hotspare\`.* ${TO}`,
]
const without = (lines: readonly string[], right: string) =>
  lines.map((line) => line.replace(new RegExp(`, ?${right}\\b|\\b${right}, ?`), ''))
const ACCOUNT = 'hotspare@127.%'

describe('a whole account', () => {
  test.each([
    ['MySQL 9.7', mysql, MYSQL],
    ['MariaDB 11.8', mariadb, MARIADB],
    ['MariaDB 10.11', mariadb, OLDER_MARIADB],
    ['all rights, MySQL', [`GRANT ALL PRIVILEGES ON *.* ${TO} WITH GRANT OPTION`], MYSQL],
    ['all rights, MariaDB', [`GRANT ALL PRIVILEGES ON *.* ${TO} REQUIRE SSL`], MARIADB],
    [
      'exactly what account.ts grants',
      [...grantsFor("'h'@'%'", MYSQL), ...eventGrantsFor("'h'@'%'", MYSQL)],
      MYSQL,
    ],
  ] as const)('lacks nothing: %s', (_, lines, server) => {
    expect(missingRights(lines, ACCOUNT, server)).toEqual([])
  })
})

describe('each right that is taken away is told, with what to type', () => {
  test.each(grantsFor("'hotspare'@'127.%'", MYSQL).filter((grant) => / ON \*\.\* /.test(grant)))(
    'MySQL: %s',
    (grant) => {
      const right = /^GRANT (\S.*) ON/.exec(grant)?.[1] ?? ''
      const needed = right !== 'REPLICATION SLAVE'
      expect(missingRights(without(mysql, right), ACCOUNT, MYSQL)).toEqual([{ grant, needed }])
    },
  )

  test.each(grantsFor("'hotspare'@'127.%'", MARIADB).filter((grant) => / ON \*\.\* /.test(grant)))(
    'MariaDB 11.8: %s',
    (grant) => {
      const right = (/^GRANT (\S.*) ON/.exec(grant)?.[1] ?? '').replace(/\bREPLICA\b/, 'SLAVE')
      const needed = !['BINLOG MONITOR', 'BINLOG REPLAY'].includes(right)
      expect(missingRights(without(mariadb, right), ACCOUNT, MARIADB)).toEqual([{ grant, needed }])
    },
  )

  test('a schema of ours that it may not write', () => {
    expect(missingRights(mysql.slice(0, 2).concat(mysql.slice(3)), ACCOUNT, MYSQL)).toEqual([
      { grant: "GRANT SELECT, INSERT, UPDATE ON hotspare.* TO 'hotspare'@'127.%'", needed: true },
    ])
  })

  test('an account with a quote in its name can be typed', () => {
    const [first] = missingRights(["GRANT USAGE ON *.* TO `o'k`@`%`"], "o'k@%", MYSQL) ?? []
    expect(first?.grant).toContain("'o''k'@'%'")
  })
})

describe('what can not be judged is not known', () => {
  test.each([
    ['partial revokes', [...mysql, `REVOKE SELECT ON \`hotspare\`.* FROM \`hotspare\`@\`127.%\``]],
    ['rights by table', [...mysql, `GRANT SELECT ON \`hotspare\`.\`heartbeat\` ${TO}`]],
    ['no list at all', []],
  ])('%s', (_, lines) => {
    expect(missingRights(lines, ACCOUNT, MYSQL)).toBeNull()
  })

  test('SUPER stands for what came in its place, on MySQL and on MariaDB before 11', () => {
    const lines = [`GRANT PROCESS, SUPER, SLAVE MONITOR ON *.* ${TO}`, mariadb[1] ?? '']
    const lacks = (server: typeof MARIADB | typeof OLDER_MARIADB) =>
      missingRights(lines, ACCOUNT, server)?.map(({ grant }) => grant.split(' ON ')[0])
    expect(lacks(OLDER_MARIADB)).toEqual(['GRANT READ_ONLY ADMIN'])
    expect(lacks(MARIADB)).toContain('GRANT CONNECTION ADMIN')
  })
})
