/**
 * The stack: one watch function on a schedule, one request function for people, from one asset.
 *
 * The one thing to understand is what is not in it. The writer record and the ledger are made and moved by the function alone,
 * or the next deploy would undo a failover (T29). Nothing here is retried: an event that comes late must never run (see the
 * schedule's and the functions' settings), because a minute later there is a fresh one.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler'
import type { Construct } from 'constructs'
import type { Configuration } from '../lambda/config.ts'
import { defaultMemoryMb, nodeOptions } from '../lambda/runtime-options.ts'
import { actingStatements, lookingStatements } from './permissions.ts'

export interface HotspareStackProps extends StackProps {
  readonly configuration: Configuration
  /** Folder with index.mjs, hotspare.json and what that names. */
  readonly assetFolder: string
}

/** A watch ends by itself after 150 s; ten more are left for closing connections and sending the last messages. */
const watchTimeoutSeconds = 160
/** A forced failover may have to wait for a catch-up, as a watch does. */
const requestTimeoutSeconds = 160
/** The service's lower limit. */
const maxEventAgeSeconds = 60

export class HotspareStack extends Stack {
  constructor(scope: Construct, id: string, props: HotspareStackProps) {
    super(scope, id, props)
    const { configuration } = props
    const code = Code.fromAsset(props.assetFolder)
    // People may ask for what the schedule does by itself, so both functions need the same rights.
    const statements = [...lookingStatements(this, configuration), ...actingStatements(this, configuration)]
    const watch = this.#addFunction('Watch', {
      code,
      handler: 'index.watch',
      description: 'Watches the pairs of hotspare.json and fails over; one invocation a minute',
      timeoutSeconds: watchTimeoutSeconds,
      statements,
    })
    const request = this.#addFunction('Request', {
      code,
      handler: 'index.request',
      description: 'Answers people: status, failover',
      timeoutSeconds: requestTimeoutSeconds,
      statements,
    })
    this.#addSchedule(watch)
    new CfnOutput(this, 'WatchFunctionName', { value: watch.functionName })
    new CfnOutput(this, 'RequestFunctionName', { value: request.functionName })
  }

  #addFunction(
    name: 'Watch' | 'Request',
    given: {
      code: Code
      handler: string
      description: string
      timeoutSeconds: number
      statements: readonly PolicyStatement[]
    },
  ): LambdaFunction {
    const logGroup = new LogGroup(this, `${name}Log`, {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    // A role of our own: the one that CDK would make may write to every log group of the account.
    const role = new Role(this, `${name}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(role)
    for (const statement of given.statements) role.addToPolicy(statement)
    return new LambdaFunction(this, name, {
      code: given.code,
      handler: given.handler,
      description: given.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: defaultMemoryMb,
      timeout: Duration.seconds(given.timeoutSeconds),
      environment: { NODE_OPTIONS: nodeOptions(defaultMemoryMb) },
      role,
      logGroup,
      retryAttempts: 0,
      maxEventAge: Duration.seconds(maxEventAgeSeconds),
    })
  }

  /** Once a minute, on time or not at all. */
  #addSchedule(watch: LambdaFunction): void {
    const role = new Role(this, 'ScheduleRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    })
    // The function itself, and none of its versions.
    const grant = watch.grantInvokeLatestVersion(role)
    const schedule = new CfnSchedule(this, 'Schedule', {
      description: 'Starts the next watch; the one before ends when it sees it at work',
      scheduleExpression: 'rate(1 minute)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: watch.functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify({ action: 'watch' }),
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: maxEventAgeSeconds },
      },
    })
    grant.applyBefore(schedule)
  }
}
