/**
 * Runs the self-test as the last part of a deployment: a custom resource that fails with a sentence, and the deployment with it.
 *
 * The one thing to understand: CloudFormation is answered over S3, which a VPC without a way out may not reach. So the test itself
 * runs in the VPC, and the CDK's provider, a function outside of it, asks it and gives the answer on.
 */
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { CfnFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Provider } from 'aws-cdk-lib/custom-resources'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledgements.ts'

export interface SelfTestResourceProps {
  readonly handler: LambdaFunction
  readonly deploymentName: string
  /** Names of all pairs: one that is gone since the last deployment is named in the result. */
  readonly pairs: Readonly<Record<string, { readonly writerName: string }>>
  /** Of everything that the functions run from: a change runs the test again. */
  readonly digest: string
  readonly mode: 'required' | 'report'
  readonly logRetentionDays: RetentionDays
}

export class SelfTestResource extends Construct {
  readonly resource: CustomResource

  constructor(scope: Construct, id: string, props: SelfTestResourceProps) {
    super(scope, id)
    const providerName = `${props.deploymentName}-self-test-provider`
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${providerName}`,
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    })
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(role)
    const provider = new Provider(this, 'Provider', {
      onEventHandler: props.handler,
      providerFunctionName: providerName,
      frameworkOnEventRole: role,
      logGroup,
    })
    this.resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::HotspareSelfTest',
      serviceToken: provider.serviceToken,
      serviceTimeout: Duration.minutes(10),
      properties: {
        Mode: props.mode,
        Digest: props.digest,
        Pairs: Object.fromEntries(Object.entries(props.pairs).map(([name, pair]) => [name, pair.writerName])),
      },
    })
    const selfTest = Stack.of(this).getLogicalId(props.handler.node.defaultChild as CfnFunction)
    acknowledge(this, `AwsSolutions-IAM5[Resource::<${selfTest}.Arn>:*]`, [
      'The CDK grants its provider the versions of the function that it invokes; the self-test has none.',
    ])
  }
}
