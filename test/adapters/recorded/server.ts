/** A server that answers from recorded binary logs, as the real ones do: same rows, same errors. */
import type { LogSession } from '../../../lambda/adapters/mysql/binlog.ts'
import type { RecordedEvent, RecordedLogs } from './record.ts'

export interface Asked {
  /** Questions after which the server answers nothing but an error. */
  readonly failsAfter?: number
  readonly onQuestion?: () => void
}

export function recordedServer({ files }: RecordedLogs, asked: Asked = {}): LogSession {
  let questions = 0
  const question = () => {
    questions += 1
    asked.onQuestion?.()
    if (questions > (asked.failsAfter ?? Number.POSITIVE_INFINITY))
      throw Object.assign(new Error('the server is gone'), { code: 'PROTOCOL_CONNECTION_LOST' })
  }
  return {
    async query() {
      question()
      return { rows: files.map(({ name, bytes }) => ({ Log_name: name, File_size: bytes })), matchedRows: 0 }
    },
    async each(_sql, [name, from, offset, limit], _bytes, onRow) {
      question()
      const file = files.find((each) => each.name === name)
      if (file !== undefined && Number(from) >= file.bytes) return
      const first = file?.events.findIndex((event) => event[0] === from && !isUnpacked(event)) ?? -1
      if (file === undefined || first === -1)
        throw Object.assign(new Error(`Error reading Log_event at position ${from}`), { errno: 1220 })
      const start = first + Number(offset)
      for (const [position, type, end, info] of file.events.slice(start, start + Number(limit)))
        onRow({ Log_name: name, Pos: position, Event_type: type, Server_id: 1, End_log_pos: end, Info: info })
    },
  }
}

/** Shown from within a compressed transaction: no question can begin there. */
const isUnpacked = ([position, , end]: RecordedEvent) => position === end
