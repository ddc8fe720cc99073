/**
 * Findings of cdk-nag's AwsSolutions that are right as they are, each with its reason.
 *
 * The one thing to understand: they are acknowledged on the very construct and finding, so a new wildcard anywhere is a finding
 * again. They are part of the construct, so that a CDK app with that rule pack stays clean too.
 */
import { Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'

/** A function's role: the wildcards in what it may do. */
export function acknowledgeFunction(construct: IConstruct, inNetwork: boolean): void {
  acknowledge(construct, 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:route53:::change/*]', [
    'The id of a change is not known before it is made, and GetChange tells whether a change has spread and nothing else.',
  ])
  if (!inNetwork) return
  acknowledge(construct, 'AwsSolutions-IAM5[Resource::*]', [
    'Lambda attaches the function to the VPC in the name of its role, and describing network interfaces knows no resources.',
    'The code itself is denied the same actions.',
  ])
}

/** One finding on one construct, by the id that the rule pack prints. */
export function acknowledge(construct: IConstruct, id: string, reason: readonly string[]): void {
  Validations.of(construct).acknowledge({ id, reason: reason.join(' ') })
}
