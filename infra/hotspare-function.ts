/**
 * One function of the bundle, with a role and a log group of its own.
 *
 * The one thing to understand: nothing is ever run late. An asynchronous event that fails is not tried again and is dropped after a
 * minute, because a minute later there is a fresh one.
 */
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import {
  Architecture,
  type Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { nodeOptions } from '../lambda/runtime-options.ts'
import { acknowledgeFunction } from './acknowledgements.ts'
import { attachingStatements } from './permissions.ts'
import type { Placement } from './placement.ts'

export interface HotSpareFunctionProps {
  readonly deploymentName: string
  /** The function is called `<deploymentName>-<suffix>` in the account. */
  readonly suffix: string
  /** The bundle's export. */
  readonly entry: 'watch' | 'request' | 'selfTest' | 'widget'
  readonly description: string
  readonly code: Code
  readonly timeoutSeconds: number
  readonly memoryMb: number
  readonly logRetentionDays: RetentionDays
  readonly environment: Readonly<Record<string, string>>
  readonly statements: readonly PolicyStatement[]
  /** Null: outside of any VPC. */
  readonly placement: Placement | null
  readonly reservedConcurrency?: number
}

/** The service's lower limit. */
export const maxEventAgeSeconds = 60

export class HotSpareFunction extends Construct {
  readonly handler: LambdaFunction
  readonly logGroup: LogGroup
  readonly suffix: string

  constructor(scope: Construct, id: string, props: HotSpareFunctionProps) {
    super(scope, id)
    const { placement, reservedConcurrency } = props
    const functionName = `${props.deploymentName}-${props.suffix}`
    this.suffix = props.suffix
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    this.logGroup = logGroup
    // A role of our own: the one that CDK would make may write to every log group of the account.
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(role)
    for (const statement of props.statements) role.addToPolicy(statement)
    if (placement !== null) {
      const { region, account, partition } = Stack.of(this)
      const arn = `arn:${partition}:lambda:${region}:${account}:function:${functionName}`
      for (const statement of attachingStatements(arn)) role.addToPolicy(statement)
    }
    this.handler = new LambdaFunction(this, 'Function', {
      functionName,
      code: props.code,
      handler: `index.${props.entry}`,
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { NODE_OPTIONS: nodeOptions(props.memoryMb), ...props.environment, ...ways(placement) },
      role,
      logGroup,
      loggingFormat: LoggingFormat.TEXT,
      retryAttempts: 0,
      maxEventAge: Duration.seconds(maxEventAgeSeconds),
      ...(placement === null ? {} : network(placement)),
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
    })
    acknowledgeFunction(this, placement !== null)
  }
}

function network({ vpc, subnets, securityGroups, reach }: Placement) {
  return {
    vpc,
    vpcSubnets: { subnets: [...subnets] },
    securityGroups: [...securityGroups],
    ipv6AllowedForDualStack: reach === 'ipv6',
  }
}

/** Over IPv6 the services are reached by other names, which the SDK knows. */
function ways(placement: Placement | null): Record<string, string> {
  return placement?.reach === 'ipv6' ? { AWS_USE_DUALSTACK_ENDPOINT: 'true' } : {}
}
