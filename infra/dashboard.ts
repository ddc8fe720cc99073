/**
 * The stack's dashboard: the pairs as the widget function draws them, the alarms, and what the metrics say over time.
 *
 * The one thing to understand: the drawing is made anew each time somebody looks, by a function that may look and nothing else; it
 * is invoked in that person's name, so who sees the dashboard needs the right to invoke it.
 */
import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  AlarmStatusWidget,
  Dashboard as CloudWatchDashboard,
  CustomWidget,
  GraphWidget,
  type IWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { pairMetric } from './alarms.ts'

export interface DashboardProps {
  readonly deploymentName: string
  readonly pairs: readonly string[]
  readonly widget: LambdaFunction
  readonly functions: readonly LambdaFunction[]
  /** In the order to show them. */
  readonly alarmNames: readonly string[]
}

const fullWidth = 24
/** What one call of the widget function looks at. */
const pairsPerWidget = 6
/** What one graph can show. */
const linesPerGraph = 50
/** What the alarm widget can show. */
const alarmsPerWidget = 100

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id)
    const rows: IWidget[][] = [
      ...drawings(props),
      [
        new AlarmStatusWidget({
          title: 'Alarms',
          width: fullWidth,
          height: 4,
          // By name: those of many pairs are in nested stacks.
          alarms: props.alarmNames
            .slice(0, alarmsPerWidget)
            .map((alarmName) => Alarm.fromAlarmName(this, alarmName.replaceAll('/', '|'), alarmName)),
        }),
      ],
      [
        graph(props, 'Replication lag', 'ReplicationLag', Stats.MAXIMUM),
        graph(props, 'Unprotected pairs', 'Unprotected', Stats.MAXIMUM),
        graph(props, 'Looks (samples a minute)', 'Unprotected', Stats.SAMPLE_COUNT),
      ],
      functionGraphs(props.functions),
    ]
    new CloudWatchDashboard(this, 'Dashboard', {
      dashboardName: props.deploymentName,
      defaultInterval: Duration.hours(3),
      widgets: rows,
    })
  }
}

function drawings({ pairs, widget }: DashboardProps): IWidget[][] {
  const count = Math.ceil(pairs.length / pairsPerWidget)
  return Array.from({ length: count }, (_, index) => {
    const shown = pairs.slice(index * pairsPerWidget, (index + 1) * pairsPerWidget)
    return [
      new CustomWidget({
        title: count === 1 ? 'Pairs' : `Pairs, ${index + 1} of ${count}`,
        functionArn: widget.functionArn,
        params: { pairs: shown },
        width: fullWidth,
        height: 2 + 5 * Math.ceil(shown.length / 2),
        updateOnRefresh: true,
        updateOnResize: false,
        updateOnTimeRangeChange: false,
      }),
    ]
  })
}

function graph(
  { deploymentName, pairs }: DashboardProps,
  title: string,
  name: string,
  statistic: string,
): GraphWidget {
  return new GraphWidget({
    title,
    width: fullWidth / 3,
    left: pairs
      .slice(0, linesPerGraph)
      .map((pair) => pairMetric(deploymentName, pair, name, statistic).with({ label: pair })),
    leftYAxis: { min: 0 },
  })
}

function functionGraphs(functions: readonly LambdaFunction[]): IWidget[] {
  const period = Duration.minutes(1)
  return [
    new GraphWidget({
      title: 'Invocations at the same time',
      width: fullWidth / 2,
      left: functions.map((each) =>
        each.metric('ConcurrentExecutions', { period, statistic: Stats.MAXIMUM }),
      ),
      leftYAxis: { min: 0 },
    }),
    new GraphWidget({
      title: 'Errors and throttles',
      width: fullWidth / 2,
      left: functions.flatMap((each) => [
        each.metricErrors({ period, statistic: Stats.SUM }),
        each.metricThrottles({ period, statistic: Stats.SUM }),
      ]),
      leftYAxis: { min: 0 },
    }),
  ]
}
