/** Before anything else: can the ledger be read and understood, and does the writer record agree with it? */
import { type Assessment, duration, unreadableForMs } from '../assessment.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'

const address = (a: Assessment) => a.policy.servers[a.named.name]?.address ?? ''

export const ledgerProblems: readonly Row[] = [
  {
    code: 'directory-unreachable',
    severity: 'critical',
    when: (a) => a.memory.ledger.state !== 'known',
    because: (a) => {
      const { failure } = a.memory.ledger
      if (failure === null) return 'The ledger is being read.'
      return `The ledger can't be read (${failure.kind}: ${failure.message}), for ${duration(unreadableForMs(a))} now: nothing is opened, closed or moved.`
    },
    advice: (a) =>
      a.memory.ledger.failure === null
        ? ''
        : 'Check the path to Route 53 (NAT, endpoint), the rights of the function, and the service itself. Data is not at risk; a failover has to wait.',
    readsDirectory: true,
    afterMs: 200,
    tell: (a) => (a.memory.ledger.failure === null ? null : tell(a, 'directory-unreachable', 'critical')),
  },
  {
    code: 'ledger-unreadable',
    severity: 'critical',
    when: (a) => a.ledgerProblem !== null,
    because: (a) => `The ledger can't be understood: ${a.ledgerProblem}. Nothing automatic is done.`,
    advice: (a) =>
      `Look at the TXT record _hotspare.${a.policy.record.name}. If a newer Hotspare wrote it, deploy that version; if a person changed it, put it back.`,
    afterMs: 5000,
    readsDirectory: true,
    tell: (a) => tell(a, 'ledger-unreadable', 'critical'),
  },
  {
    code: 'ledger-names-stranger',
    severity: 'critical',
    when: (a) => a.ledger !== null && a.ledger.writer !== a.named.name,
    because: (a) =>
      `The ledger names ${a.ledger?.writer} as the writer, and the configuration has no such server.`,
    advice: () =>
      'Put the name back into the configuration; servers are renamed only while they are the spare.',
    afterMs: 5000,
    readsDirectory: true,
    tell: (a) => tell(a, 'ledger-unreadable', 'critical'),
  },
  {
    code: 'record-disagrees',
    severity: 'critical',
    when: (a) => {
      const { record } = a.memory.ledger
      return a.ledger !== null && (record === null || record.foreign || record.values.join() !== address(a))
    },
    because: (a) => {
      const { record } = a.memory.ledger
      const holds =
        record === null
          ? 'does not exist'
          : record.foreign
            ? 'is of a kind Hotspare cannot swap'
            : `holds ${record.values.join(', ')}`
      return `The ledger says that ${a.named.name} (${address(a)}) is the writer, but ${a.policy.record.name} ${holds}. Nothing is opened or moved while they disagree.`
    },
    advice: (a) =>
      `Applications may be writing elsewhere or not at all. Put the record back: ${a.policy.record.type} ${a.policy.record.name} -> ${address(a)}.`,
    afterMs: 2000,
    readsDirectory: true,
    tell: (a) => tell(a, 'record-disagrees', 'critical'),
  },
]
