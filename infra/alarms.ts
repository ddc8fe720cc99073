/**
 * The alarms: nine for each pair, three for each function that watches or answers people.
 *
 * The one thing to understand: what happened is a message from the function itself, at once; what lasts is an alarm, so that
 * CloudWatch says once that it began and once that it ended. A watch that is dead says nothing at all, so its silence is an alarm
 * too (`no-look`): it is the only one that goes off without data.
 */
import { Duration, NestedStack } from 'aws-cdk-lib'
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { FilterPattern, type LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'

export const namespace = 'Hotspare'

export interface AlarmsProps {
  readonly deploymentName: string
  readonly pairs: readonly string[]
  readonly lagAlarmMs: number
  readonly memoryMb: number
  /** Null: the alarms only show. */
  readonly topic: ITopic | null
  readonly functions: readonly {
    readonly name: string
    readonly handler: LambdaFunction
    readonly logGroup: LogGroup
  }[]
}

interface AlarmRow {
  readonly name: string
  /** What a person reads at 3 a.m. after the alarm's name. */
  readonly text: string
  readonly metric: string
  readonly statistic: string
  readonly threshold: number
  /** Minutes in a row. */
  readonly minutes: number
  /** Below the threshold, and without data as well. */
  readonly onSilence?: true
  /** It happened and is over: nobody needs to hear that it ended. */
  readonly momentary?: true
}

/** A CloudFormation stack takes 500 resources, and a pair has nine alarms: more pairs than this get nested stacks. */
const pairsPerStack = 40
const samples = Stats.SAMPLE_COUNT

/** The alarms of one pair. */
export function alarmRows(lagAlarmMs: number): readonly AlarmRow[] {
  return [
    {
      name: 'unprotected',
      text: 'The spare could not take over now: it is down, behind, held, or not armed. Ask for the status; it says why.',
      metric: 'Unprotected',
      statistic: Stats.MINIMUM,
      threshold: 1,
      minutes: 3,
    },
    {
      name: 'lag',
      text: `The spare has been more than ${lagAlarmMs} ms behind the writer for five minutes. A failover would have to wait for it.`,
      metric: 'ReplicationLag',
      statistic: Stats.MINIMUM,
      threshold: lagAlarmMs,
      minutes: 5,
    },
    {
      name: 'spare-down',
      text: 'The spare has not answered for two minutes. There is nothing to fail over to.',
      metric: 'SpareUnreachable',
      statistic: Stats.MINIMUM,
      threshold: 1,
      minutes: 2,
    },
    {
      name: 'writer-unreachable',
      text: 'The writer has not answered for a minute and was not failed over from. Read the last message, or ask for the status.',
      metric: 'WriterUnreachable',
      statistic: Stats.MINIMUM,
      threshold: 1,
      minutes: 1,
    },
    {
      name: 'writer-stalled',
      text: 'The writer answers and commits nothing: nobody can write. Look for a full disk, a lock, a missing acknowledgement.',
      metric: 'WriterStalled',
      statistic: Stats.MAXIMUM,
      threshold: 1,
      minutes: 1,
    },
    {
      name: 'directory-unreachable',
      text: 'Route 53 could not be read for three minutes. A failover would have to wait for it.',
      metric: 'DirectoryUnreachable',
      statistic: Stats.MINIMUM,
      threshold: 1,
      minutes: 3,
    },
    {
      name: 'failover',
      text: 'The writer moved. The message says what is at risk; the old writer needs a person.',
      metric: 'Failover',
      statistic: Stats.MAXIMUM,
      threshold: 1,
      minutes: 1,
      momentary: true,
    },
    {
      name: 'on-hold',
      text: 'A server is held: it has something that the other lacks, and takes no part until a person has looked and released it.',
      metric: 'OnHold',
      statistic: Stats.MAXIMUM,
      threshold: 1,
      minutes: 1,
    },
    {
      name: 'no-look',
      text: 'Nobody has looked at this pair for three minutes: no failover would happen. Look at the watch function’s errors, throttles and schedule.',
      metric: 'Unprotected',
      statistic: samples,
      threshold: 1,
      minutes: 3,
      onSilence: true,
    },
  ]
}

/** A metric of the pair, as the function writes it. */
export function pairMetric(
  deploymentName: string,
  pair: string,
  metricName: string,
  statistic: string,
): Metric {
  return new Metric({
    namespace,
    metricName,
    statistic,
    period: Duration.minutes(1),
    dimensionsMap: { service: deploymentName, pair },
  })
}

export class Alarms extends Construct {
  readonly all: readonly Alarm[]
  /** The functions' first. */
  readonly names: string[] = []
  readonly #action: SnsAction | null

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id)
    const { deploymentName, pairs, lagAlarmMs, topic } = props
    this.#action = topic === null ? null : new SnsAction(topic)
    const rows = alarmRows(lagAlarmMs)
    const ofFunctions = props.functions.flatMap((each) => this.#ofFunction(each, props))
    const ofPairs = pairs.flatMap((pair, index) => {
      const scope = this.#scopeFor(pairs.length, index)
      return rows.map((row) => {
        const metric = pairMetric(deploymentName, pair, row.metric, row.statistic)
        return this.#add(scope, `${pair}-${row.name}`, {
          ...row,
          name: `${deploymentName}/${pair}/${row.name}`,
          metric,
        })
      })
    })
    this.all = [...ofFunctions, ...ofPairs]
  }

  #scopeFor(count: number, index: number): Construct {
    if (count <= pairsPerStack) return this
    const id = `Pairs${Math.floor(index / pairsPerStack) + 1}`
    return (this.node.tryFindChild(id) as NestedStack | undefined) ?? new NestedStack(this, id)
  }

  #ofFunction({ name, handler, logGroup }: AlarmsProps['functions'][number], props: AlarmsProps): Alarm[] {
    const { deploymentName, memoryMb } = props
    const period = Duration.minutes(1)
    const memory = memoryMetric(this, `${name}-memory-used`, logGroup, `${deploymentName}-${name}`)
    const all = { statistic: Stats.MAXIMUM, minutes: 1, threshold: 1 } as const
    const rows = [
      {
        ...all,
        name: 'errors',
        text: 'An invocation ended in an error or was killed. Read the function’s log.',
        metric: handler.metricErrors({ period, statistic: Stats.SUM }),
      },
      {
        ...all,
        name: 'throttles',
        text: 'An invocation was refused: the account’s or the function’s concurrency is used up.',
        metric: handler.metricThrottles({ period, statistic: Stats.SUM }),
      },
      {
        ...all,
        name: 'memory',
        text: `An invocation used more than 90 % of ${memoryMb} MB. Raise deployment.memoryMb or lower deployment.pairsPerShard.`,
        metric: memory,
        threshold: Math.ceil(memoryMb * 0.9),
      },
    ]
    return rows.map((row) =>
      this.#add(this, `${name}-${row.name}`, { ...row, name: `${deploymentName}/${name}/${row.name}` }),
    )
  }

  #add(scope: Construct, id: string, row: Omit<AlarmRow, 'metric'> & { readonly metric: IMetric }): Alarm {
    this.names.push(row.name)
    const alarm = new Alarm(scope, id, {
      alarmName: row.name,
      alarmDescription: row.text,
      metric: row.metric,
      threshold: row.threshold,
      evaluationPeriods: row.minutes,
      datapointsToAlarm: row.minutes,
      comparisonOperator: row.onSilence
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: row.onSilence ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    })
    if (this.#action === null) return alarm
    alarm.addAlarmAction(this.#action)
    if (row.momentary === undefined) alarm.addOkAction(this.#action)
    return alarm
  }
}

/** What Lambda itself says of each invocation's memory, from the REPORT line at its end. */
function memoryMetric(scope: Construct, id: string, logGroup: LogGroup, functionName: string): Metric {
  // One word for each column of the line, separated by blanks or tabs; the equal signs tell it from other lines.
  const words = [
    'report="REPORT", requestLabel, request, durationLabel="Duration:", duration, durationUnit',
    'billedLabel="Billed", billedLabel2, billed, billedUnit, sizeLabel="Memory", sizeLabel2, size, sizeUnit',
    'usedLabel="Max", usedLabel2, usedLabel3, used, usedUnit="MB", ...',
  ].join(', ')
  const metricName = `MemoryUsed-${functionName}`
  new MetricFilter(scope, id, {
    logGroup,
    filterPattern: FilterPattern.literal(`[${words}]`),
    metricNamespace: namespace,
    metricName,
    metricValue: '$used',
  })
  return new Metric({ namespace, metricName, statistic: Stats.MAXIMUM, period: Duration.minutes(1) })
}
