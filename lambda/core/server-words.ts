/** What people are told to type on a server, in the words of its family. */
import type { Side } from './assessment.ts'
import { intervals } from './gtid-set.ts'

const isMariadb = ({ answer }: Side) => answer?.family === 'mariadb'

/** The option that keeps replication down after a restart, on servers that have it as an option only and tell nobody. */
export const STAYS_DOWN = 'skip-slave-start'

export function toOpen(side: Side): string {
  return isMariadb(side) ? 'SET GLOBAL read_only = OFF' : 'SET GLOBAL super_read_only = OFF, read_only = OFF'
}

export function toClose(side: Side): string {
  return isMariadb(side) ? 'SET GLOBAL read_only = ON' : 'SET GLOBAL super_read_only = ON'
}

/** Makes a spare the writer by hand, in this order; what it has received is applied in between. */
export function toTakeOver(side: Side): string {
  return isMariadb(side)
    ? `STOP SLAVE IO_THREAD; wait until SHOW ALL SLAVES STATUS says that it has read all relay log; STOP SLAVE; ${toOpen(side)}`
    : `STOP REPLICA IO_THREAD; wait until SHOW REPLICA STATUS has all of Retrieved_Gtid_Set in Executed_Gtid_Set; STOP REPLICA; ${toOpen(side)}`
}

/** So that silence on the channel says something after three seconds. */
export function toBeatEachSecond(side: Side): string {
  return isMariadb(side)
    ? 'CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 1'
    : 'CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 1'
}

/** So that what was received and is held back on purpose is applied now. */
export function toApplyAtOnce(side: Side): string {
  const change = isMariadb(side)
    ? 'CHANGE MASTER TO MASTER_DELAY = 0'
    : 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0'
  return `STOP REPLICA SQL_THREAD; ${change}; START REPLICA SQL_THREAD`
}

/** Prints what these transactions changed; one command for each stretch of them. */
export function toExtract(side: Side, gtidSet: string): readonly string[] {
  const decode = '--base64-output=DECODE-ROWS -v <binary logs>'
  if (!isMariadb(side)) return [`mysqlbinlog --include-gtids='${gtidSet.slice(0, 1000)}' ${decode}`]
  // The start is left out of what it prints, the stop is not.
  return intervals(gtidSet)
    .slice(0, 10)
    .map(
      ({ origin, first, last }) =>
        `mariadb-binlog --start-position=${origin}-${first - 1} --stop-position=${origin}-${last} ${decode}`,
    )
}
