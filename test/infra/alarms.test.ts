/**
 * The alarms, and that they look at what the function really writes.
 *
 * The one thing to understand: an alarm on a metric that nobody writes is silent for ever and looks healthy. So names, dimensions
 * and namespace are taken from a line that the function's own code wrote.
 */

import { NestedStack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { decide } from '../../lambda/core/decide.ts'
import { createPairMetrics } from '../../lambda/metrics.ts'
import { BEGINNINGS } from '../sim/beginnings.ts'
import { wander } from '../sim/explore.ts'
import { createExampleFolder, type ExampleFolder } from './example.ts'
import { ofType, resourcesOf, stackOf, templateOf } from './synthesised.ts'

let example: ExampleFolder
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())

interface EmbeddedLine {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string
      readonly Dimensions: readonly (readonly string[])[]
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[]
    }[]
  }
  readonly [key: string]: unknown
}

/** What the function writes while a simulated pair lives through an afternoon. */
function writtenLines(): EmbeddedLine[] {
  const lines: EmbeddedLine[] = []
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
    lines.push(JSON.parse(String(line)))
    return true
  })
  const [beginning] = Object.values(BEGINNINGS)
  if (beginning === undefined) throw new Error('No story to tell')
  const limits = {
    faults: 2,
    commits: 2,
    untilMs: 60_000,
    statesMax: 1e9,
    secondsMax: 30,
    seeds: [1, 2, 3],
    events: 150,
  }
  const metrics = createPairMetrics('orders')
  let at = 0
  try {
    wander(beginning, limits, (memory, world, now) => {
      const decision = decide(memory, world, now)
      at += 11_000
      metrics.note({ memory, world, now: at, decision })
      return decision
    })
  } finally {
    written.mockRestore()
  }
  return lines
}

describe('the metrics', () => {
  test('every alarm of a pair looks at a metric that is written, with the same dimensions', () => {
    const lines = writtenLines()
    expect(lines.length).toBeGreaterThan(10)
    const written = new Set(
      lines.flatMap(({ _aws, ...values }) =>
        _aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
          Metrics.map(({ Name }) => {
            const dimensions = (Dimensions[0] ?? []).map((name) => `${name}=${String(values[name])}`).sort()
            return `${Namespace} ${dimensions.join(',')} ${Name}`
          }),
        ),
      ),
    )
    const watched = ofType(templateOf(example), 'AWS::CloudWatch::Alarm')
      .map(({ Properties }) => Properties)
      .filter(({ AlarmName }) => AlarmName.startsWith('hotspare/orders/'))
      .map(({ Namespace, Dimensions, MetricName }) => {
        const dimensions = Dimensions.map(
          ({ Name, Value }: Record<string, string>) => `${Name}=${Value}`,
        ).sort()
        return `${Namespace} ${dimensions.join(',')} ${MetricName}`
      })
    expect(watched).toHaveLength(9)
    expect(watched.filter((metric) => !written.has(metric))).toEqual([])
  })

  test('another deployment writes under its own name', () => {
    vi.stubEnv('HOTSPARE_DEPLOYMENT', 'orders-eu')
    expect(writtenLines()[0]?.service).toBe('orders-eu')
    vi.unstubAllEnvs()
  })
})

describe('the alarms', () => {
  const alarm = (name: string) => {
    const found = ofType(templateOf(example), 'AWS::CloudWatch::Alarm').find(
      ({ Properties }) => Properties.AlarmName === name,
    )
    if (found === undefined) throw new Error(`no alarm ${name}`)
    return found.Properties
  }

  test('a dead watcher is never silent: no look for three minutes, with missing data counted as bad', () => {
    expect(alarm('hotspare/orders/no-look')).toMatchObject({
      Statistic: 'SampleCount',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      Period: 60,
      EvaluationPeriods: 3,
      DatapointsToAlarm: 3,
      TreatMissingData: 'breaching',
    })
  })

  test.each([
    ['unprotected', 'Unprotected', 'Minimum', 1, 3],
    ['lag', 'ReplicationLag', 'Minimum', 10_000, 5],
    ['spare-down', 'SpareUnreachable', 'Minimum', 1, 2],
    ['writer-unreachable', 'WriterUnreachable', 'Minimum', 1, 1],
    ['writer-stalled', 'WriterStalled', 'Maximum', 1, 1],
    ['directory-unreachable', 'DirectoryUnreachable', 'Minimum', 1, 3],
    ['failover', 'Failover', 'Maximum', 1, 1],
    ['on-hold', 'OnHold', 'Maximum', 1, 1],
  ])('%s', (name, metric, statistic, threshold, minutes) => {
    expect(alarm(`hotspare/orders/${name}`)).toMatchObject({
      MetricName: metric,
      Statistic: statistic,
      Threshold: threshold,
      Period: 60,
      EvaluationPeriods: minutes,
      DatapointsToAlarm: minutes,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: ['arn:aws:sns:eu-west-1:123456789012:hotspare'],
    })
  })

  test.each([
    ['watch', 'errors', 'AWS/Lambda', 'Errors', 1],
    ['watch', 'throttles', 'AWS/Lambda', 'Throttles', 1],
    ['watch', 'memory', 'Hotspare', 'MemoryUsed-hotspare-watch', 231],
    ['request', 'errors', 'AWS/Lambda', 'Errors', 1],
    ['request', 'throttles', 'AWS/Lambda', 'Throttles', 1],
    ['request', 'memory', 'Hotspare', 'MemoryUsed-hotspare-request', 231],
  ])('of the %s function: %s', (name, kind, namespace, metric, threshold) => {
    expect(alarm(`hotspare/${name}/${kind}`)).toMatchObject({
      Namespace: namespace,
      MetricName: metric,
      Threshold: threshold,
    })
  })

  test('what lasts is told when it ends too; what happened is not', () => {
    const alarms = ofType(templateOf(example), 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties)
    const silent = alarms.filter(({ OKActions }) => OKActions === undefined).map(({ AlarmName }) => AlarmName)
    expect(silent).toEqual(['hotspare/orders/failover'])
  })

  test('the memory is read from the line that Lambda writes at the end of an invocation', () => {
    const pattern = ofType(templateOf(example), 'AWS::Logs::MetricFilter')[0]?.Properties
      .FilterPattern as string
    const line =
      'REPORT RequestId: 3897a7c2-8ac6-45e6-a2ad-0123456789ab\tDuration: 61234.18 ms\tBilled Duration: 61235 ms\tMemory Size: 256 MB\tMax Memory Used: 105 MB\tInit Duration: 240.11 ms\t'
    const columns = pattern.slice(1, -1).split(', ')
    const values = line.split(/[ \t]+/)
    expect(columns.at(-1)).toBe('...')
    for (const [index, column] of columns.slice(0, -1).entries()) {
      const [, fixed] = column.split('=')
      if (fixed !== undefined) expect(`"${values[index]}"`).toBe(fixed)
    }
    expect(values[columns.indexOf('used')]).toBe('105')
  })

  test('nobody to tell: they only show', () => {
    const template = templateOf(example, (content) => {
      delete content.alerts
    })
    for (const { Properties } of ofType(template, 'AWS::CloudWatch::Alarm')) {
      expect(Properties).not.toHaveProperty('AlarmActions')
    }
  })

  test('100 pairs have their alarms in nested stacks, within what a stack may hold', {
    timeout: 60_000,
  }, () => {
    const stack = stackOf(example, (content) => {
      for (let number = 1; number < 100; number += 1) {
        const pair = structuredClone(content.pairs.orders)
        pair.servers = { a: { host: `10.1.${number}.1` }, b: { host: `10.2.${number}.1` } }
        pair.directory.writerName = `writer.p${number}.example.com`
        content.pairs[`p${number}`] = pair
      }
    })
    const nested = stack.node.findAll().filter((each) => NestedStack.isNestedStack(each)) as NestedStack[]
    const stacks = [stack, ...nested].map((each) => Template.fromStack(each))
    const counts = stacks.map((template) => Object.keys(resourcesOf(template)).length)
    expect(Math.max(...counts)).toBeLessThanOrEqual(500)
    const names = stacks.flatMap((template) =>
      Object.values(resourcesOf(template))
        .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
        .map(({ Properties }) => Properties.AlarmName),
    )
    expect(new Set(names).size).toBe(906)
    expect(names).toHaveLength(906)
  })
})
