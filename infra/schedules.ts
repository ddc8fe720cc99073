/**
 * What starts the watches: one schedule for each shard of the pairs and each watch function, once a minute, on time or not at all.
 *
 * The one thing to understand: a shard is an invocation of its own. Its pairs share a process, so a shard is as large as one
 * process can watch, and the schedules of all shards start the same function.
 */
import { Stack } from 'aws-cdk-lib'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'
import { maxEventAgeSeconds } from './hotspare-function.ts'

export class Schedules extends Construct {
  constructor(
    scope: Construct,
    id: string,
    functions: readonly LambdaFunction[],
    shards: readonly string[][],
  ) {
    super(scope, id)
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    })
    for (const [watcher, watch] of functions.entries()) {
      // The function itself, and none of its versions.
      const grant = watch.grantInvokeLatestVersion(role)
      for (const [shard, pairs] of shards.entries()) {
        const schedule = new CfnSchedule(this, `Watch${watcher + 1}Shard${shard + 1}`, {
          description: 'Starts the next watch; the one before ends when it sees it at work',
          scheduleExpression: 'rate(1 minute)',
          flexibleTimeWindow: { mode: 'OFF' },
          target: {
            arn: watch.functionArn,
            roleArn: role.roleArn,
            input: JSON.stringify({ action: 'watch', pairs }),
            retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: maxEventAgeSeconds },
          },
        })
        grant.applyBefore(schedule)
      }
    }
  }
}

/** The pairs, in the file's order, in shards of at most `size`. */
export function shardsOf(pairs: readonly string[], size: number): string[][] {
  const count = Math.ceil(pairs.length / size)
  return Array.from({ length: count }, (_, index) => pairs.slice(index * size, (index + 1) * size))
}
