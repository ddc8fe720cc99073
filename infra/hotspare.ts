/**
 * The construct: `new HotSpare(this, 'Orders', { configurationFile: 'hotspare.json' })`.
 *
 * The one thing to understand is what is not in it. The writer records and the ledgers are made and moved by the functions alone,
 * or the next deploy would undo a failover (T29). So a pair that is taken out of the configuration leaves its records as they
 * are, and so does a stack that is destroyed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { IAlarm } from 'aws-cdk-lib/aws-cloudwatch'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { Code } from 'aws-cdk-lib/aws-lambda'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { Configuration } from '../lambda/config.ts'
import { Alarms, type AlarmsProps } from './alarms.ts'
import { type AlertTopic, alertTopicOf } from './alert-topic.ts'
import { builtBundle } from './built-bundle.ts'
import { Dashboard } from './dashboard.ts'
import { type Deployment, readDeployment } from './deployment.ts'
import { writeFunctionAsset } from './function-asset.ts'
import { HotSpareFunction, type HotSpareFunctionProps } from './hotspare-function.ts'
import { actingStatements, lookingStatements, tellingStatements } from './permissions.ts'
import {
  addEndpoints,
  type HotSpareNetwork,
  type Placement,
  placementFromConstructs,
  placementFromIds,
  placementPerWatcher,
  warnWithoutNetwork,
} from './placement.ts'
import { SavedQueries } from './saved-queries.ts'
import { Schedules, shardsOf } from './schedules.ts'
import { SelfTestResource } from './self-test-resource.ts'

export interface HotSpareProps {
  /**
   * The file that describes the pairs and the deployment, absolute or relative to the working directory.
   *
   * @default the file that HOTSPARE_CONFIG names, else hotspare.json
   */
  readonly configurationFile?: string
  /**
   * A VPC of your own app, in place of the ids under "network" in the file.
   *
   * @default the network in the file; without one, the functions run outside of any VPC
   */
  readonly network?: HotSpareNetwork
  /**
   * A topic of your own app, in place of "alerts" in the file.
   *
   * @default the topic that "alerts" names, or one with the subscribers that it lists
   */
  readonly alertTopic?: ITopic
  /**
   * Whether to make a dashboard. CloudWatch charges for it from the fourth in an account.
   *
   * @default true
   */
  readonly dashboard?: boolean
  /**
   * The function's code, one file.
   *
   * @default the bundle that comes with the package
   */
  readonly bundleFile?: string
}

/** A watch ends by itself after 150 s; ten more are left for closing connections and sending the last messages. */
const watchTimeoutSeconds = 160
/** A forced failover may have to wait for a catch-up, as a watch does. */
const requestTimeoutSeconds = 160
const selfTestTimeoutSeconds = 300
/** The dashboard waits no longer either. */
const widgetTimeoutSeconds = 15

/** What a function does not share with the others. */
type Made = Omit<
  HotSpareFunctionProps,
  'deploymentName' | 'code' | 'memoryMb' | 'logRetentionDays' | 'environment'
>

/** Watches every pair of the configuration and fails over. */
export class HotSpare extends Construct {
  /** The validated file, all defaults filled in. */
  readonly configuration: Configuration
  /** One, or one for each of two zones. */
  readonly watchFunctions: readonly IFunction[]
  /** What people and the command line invoke. */
  readonly requestFunction: IFunction
  /** Null if nobody is told. */
  readonly alertTopic: ITopic | null
  readonly alarms: readonly IAlarm[]

  constructor(scope: Construct, id: string, props: HotSpareProps = {}) {
    super(scope, id)
    const deployment = readDeployment(process.cwd(), props.configurationFile)
    const { configuration } = deployment
    this.configuration = configuration
    const { name, watchers, selfTest } = configuration.deployment
    refuseTwins(this, name)

    const placement = this.#placement(props)
    const topic = alertTopicOf(this, configuration.deployment.alerts, props.alertTopic, name)
    this.alertTopic = topic?.topic ?? null
    const { code, digest } = assetOf(this, deployment, props.bundleFile)
    const make = this.#maker(code, topic)
    const looking = lookingStatements(this, configuration)
    const telling = topic === null ? [] : tellingStatements(this, topic.topic.topicArn, topic.keyArn)
    // People may ask for what the schedule does by itself, so both kinds of function need the same rights.
    const acting = [...looking, ...actingStatements(this, configuration), ...telling]

    const watches = (placement === null ? [null] : placementPerWatcher(placement, watchers)).map(
      (own, index) =>
        make({
          suffix: index === 0 ? 'watch' : `watch-${index + 1}`,
          entry: 'watch',
          description: 'Watches the pairs of hotspare.json and fails over; one invocation a minute',
          timeoutSeconds: watchTimeoutSeconds,
          statements: acting,
          placement: own,
          ...reservedConcurrencyOf(configuration),
        }),
    )
    const request = make({
      suffix: 'request',
      entry: 'request',
      description: 'Answers people: hotspare --function, or an event like {"action":"status"}',
      timeoutSeconds: requestTimeoutSeconds,
      statements: acting,
      placement,
    })
    this.watchFunctions = watches.map(({ handler }) => handler)
    this.requestFunction = request.handler
    const pairs = Object.keys(configuration.pairs)
    const shards = shardsOf(pairs, configuration.deployment.pairsPerShard)
    new Schedules(
      this,
      'Schedules',
      watches.map(({ handler }) => handler),
      shards,
    )
    const functions = [...watches, request].map(({ handler, logGroup, suffix }) => ({
      name: suffix,
      handler,
      logGroup,
    }))
    const alarms = this.#observability(props, make, { functions, looking, placement })
    this.alarms = alarms
    new SavedQueries(
      this,
      'Queries',
      name,
      functions.map(({ logGroup }) => logGroup),
    )
    if (placement !== null) addEndpoints(this, placement)
    if (selfTest !== 'off') {
      const test = this.#selfTest(make, {
        statements: [...looking, ...telling],
        placement,
        digest,
        mode: selfTest,
      })
      // Last of all: what fails after it would be rolled back through it.
      test.resource.node.addDependency(...this.node.children.filter((part) => part !== test))
    }
    new CfnOutput(this, 'RequestFunctionName', { value: request.handler.functionName })
  }

  #placement({ network }: HotSpareProps): Placement | null {
    const described = this.configuration.deployment.network
    if (network !== undefined) return placementFromConstructs(network)
    if (described !== null) return placementFromIds(this, described)
    warnWithoutNetwork(this)
    return null
  }

  /** Makes functions that differ in what `made` says and share everything else. */
  #maker(code: Code, topic: AlertTopic | null): (made: Made) => HotSpareFunction {
    const { name, memoryMb, logRetentionDays } = this.configuration.deployment
    const environment = {
      HOTSPARE_DEPLOYMENT: name,
      ...(topic === null ? {} : { HOTSPARE_TOPIC_ARN: topic.topic.topicArn }),
    }
    return (made) => {
      const shared = { deploymentName: name, code, memoryMb, logRetentionDays, environment }
      return new HotSpareFunction(this, idOf(made.suffix), { ...shared, ...made })
    }
  }

  #observability(
    props: HotSpareProps,
    make: (made: Made) => HotSpareFunction,
    given: {
      readonly functions: AlarmsProps['functions']
      readonly looking: Made['statements']
      readonly placement: Placement | null
    },
  ): readonly IAlarm[] {
    const { name, lagAlarmMs, memoryMb } = this.configuration.deployment
    const pairs = Object.keys(this.configuration.pairs)
    const shared = { deploymentName: name, pairs }
    const alarms = new Alarms(this, 'Alarms', {
      ...shared,
      lagAlarmMs,
      memoryMb,
      topic: this.alertTopic,
      functions: given.functions,
    })
    if (props.dashboard === false) return alarms.all
    const widget = make({
      suffix: 'widget',
      entry: 'widget',
      description: 'Draws the pairs for the dashboard; looks and does nothing else',
      timeoutSeconds: widgetTimeoutSeconds,
      statements: given.looking,
      placement: given.placement,
    })
    const functions = given.functions.map(({ handler }) => handler)
    new Dashboard(this, 'Dashboard', {
      ...shared,
      widget: widget.handler,
      functions,
      alarmNames: alarms.names,
    })
    return alarms.all
  }

  #selfTest(
    make: (made: Made) => HotSpareFunction,
    given: Pick<Made, 'statements' | 'placement'> & { digest: string; mode: 'required' | 'report' },
  ): SelfTestResource {
    const { name, logRetentionDays } = this.configuration.deployment
    const { handler } = make({
      suffix: 'self-test',
      entry: 'selfTest',
      description: 'Calls everything that the watch needs, once a deployment',
      timeoutSeconds: selfTestTimeoutSeconds,
      statements: given.statements,
      placement: given.placement,
    })
    const pairs = Object.entries(this.configuration.pairs)
    return new SelfTestResource(this, 'SelfTestResource', {
      handler,
      deploymentName: name,
      digest: given.digest,
      mode: given.mode,
      logRetentionDays,
      pairs: Object.fromEntries(
        pairs.map(([pair, { directory }]) => [pair, { writerName: directory.writerName }]),
      ),
    })
  }
}

/** Copies what the functions run from into the CDK's output; the folder itself is needed no longer than that. */
function assetOf(
  scope: Construct,
  deployment: Deployment,
  bundleFile?: string,
): { code: Code; digest: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-asset-'))
  try {
    const digest = writeFunctionAsset(folder, bundleFile ?? builtBundle(), deployment)
    const code = Code.fromAsset(folder)
    // Reads the folder now, for all functions.
    code.bind(scope)
    return { code, digest }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reservedConcurrencyOf({ deployment }: Configuration): { reservedConcurrency?: number } {
  const { reservedConcurrency } = deployment
  return reservedConcurrency === undefined ? {} : { reservedConcurrency }
}

/** Two constructs with the same function names would fail half-way through a deployment. */
function refuseTwins(construct: HotSpare, name: string): void {
  const twins = Stack.of(construct)
    .node.findAll()
    .filter((other) => other instanceof HotSpare && other !== construct)
    .filter((other) => (other as HotSpare).configuration.deployment.name === name)
  if (twins.length === 0) return
  throw new Error(
    `"${construct.node.path}" and "${twins[0]?.node.path}" both deploy as "${name}". Give each file its own ` +
      '"deployment": { "name": "..." }, or put all pairs into one file.',
  )
}

function idOf(suffix: string): string {
  return suffix.replaceAll(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())
}
