/** Queries that stand ready in CloudWatch Logs Insights, for the first minutes after a message: what happened, and what was refused. */
import type { ILogGroup } from 'aws-cdk-lib/aws-logs'
import { QueryDefinition, QueryString } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

export class SavedQueries extends Construct {
  constructor(scope: Construct, id: string, deploymentName: string, logGroups: readonly ILogGroup[]) {
    super(scope, id)
    // Each line that moved something, or said that it can't; the newest failover comes last, with its marks in `timeline`.
    new QueryDefinition(this, 'Timeline', {
      queryDefinitionName: `${deploymentName}/Timeline of the last failover`,
      logGroups: [...logGroups],
      queryString: new QueryString({
        fields: [
          '@timestamp',
          'pair',
          'situation',
          'step',
          'purpose',
          'last.outcome',
          'because',
          'risk.transactions',
        ],
        filterStatements: [
          'kind = "look"',
          'severity != "info" or ispresent(purpose) or step in ["open", "close", "detach", "stop-applier"]',
        ],
        sort: '@timestamp asc',
        limit: 500,
      }),
    })
    new QueryDefinition(this, 'Refusals', {
      queryDefinitionName: `${deploymentName}/Every refusal`,
      logGroups: [...logGroups],
      queryString: new QueryString({
        fields: ['@timestamp', 'pair', 'situation', 'because', 'advice'],
        filterStatements: ['kind = "look"', 'because like /No failover:/'],
        sort: '@timestamp desc',
        limit: 500,
      }),
    })
  }
}
