/**
 * Every type of resource in the template: made by the emulator, or not known to it.
 *
 * The one thing to understand: the emulator leaves out what it does not know without a word. So a type is on one of the two lists
 * or the test fails, and one of the second list is checked in the template, property by property, because nothing else does.
 */
import { expect } from 'vitest'
import type { Tree } from './moto.ts'

export const emulated: readonly string[] = [
  'AWS::CloudWatch::Dashboard',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::SecurityGroupIngress',
  'AWS::EC2::VPCEndpoint',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Key',
  'AWS::Lambda::Function',
  'AWS::Logs::LogGroup',
  'AWS::SNS::Topic',
  'Custom::HotspareSelfTest',
]

const text = expect.stringMatching(/./)

/** What each resource of such a type has to say, at the least; and nothing that no property of it is called. */
export const notEmulated: Readonly<Record<string, (properties: Tree) => void>> = {
  'AWS::CloudWatch::Alarm': (properties) => {
    expect(properties).toMatchObject({
      AlarmName: text,
      AlarmDescription: text,
      AlarmActions: [{ Ref: expect.stringMatching('Topic') }],
      Namespace: expect.stringMatching(/^(Hotspare|AWS\/Lambda)$/),
      MetricName: text,
      Period: 60,
      TreatMissingData: expect.stringMatching(/^(breaching|notBreaching)$/),
    })
    expect(properties.DatapointsToAlarm).toBeLessThanOrEqual(properties.EvaluationPeriods)
  },
  'AWS::Lambda::EventInvokeConfig': (properties) => {
    expect(properties).toEqual({
      FunctionName: { Ref: text },
      Qualifier: '$LATEST',
      MaximumEventAgeInSeconds: 60,
      MaximumRetryAttempts: 0,
    })
  },
  'AWS::Logs::MetricFilter': (properties) => {
    expect(properties).toEqual({
      LogGroupName: { Ref: text },
      FilterPattern: text,
      MetricTransformations: [{ MetricName: text, MetricNamespace: 'Hotspare', MetricValue: '$used' }],
    })
  },
  'AWS::Logs::QueryDefinition': (properties) => {
    expect(properties).toEqual({
      Name: text,
      LogGroupNames: [{ Ref: text }, { Ref: text }],
      QueryString: expect.stringMatching(/^fields @timestamp, pair, .*\n\| filter kind = "look"\n/),
    })
  },
  'AWS::SNS::Subscription': (properties) => {
    expect(properties).toEqual({ TopicArn: { Ref: text }, Protocol: 'email', Endpoint: 'dba@example.com' })
  },
  'AWS::SNS::TopicPolicy': (properties) => {
    expect(properties).toEqual({
      Topics: [{ Ref: text }],
      PolicyDocument: { Version: '2012-10-17', Statement: expect.arrayContaining([expect.any(Object)]) },
    })
  },
  'AWS::Scheduler::Schedule': (properties) => {
    expect(properties).toEqual({
      Description: text,
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        Arn: { 'Fn::GetAtt': [text, 'Arn'] },
        RoleArn: { 'Fn::GetAtt': [text, 'Arn'] },
        Input: text,
        RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
      },
    })
  },
}
