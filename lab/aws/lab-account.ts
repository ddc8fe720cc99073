/** The account that the lab plays, and the sentence with which IAM refuses a call in it. */

export const labRegion = 'us-east-1'
export const labAccountId = '123456789012'
const callerArn = `arn:aws:sts::${labAccountId}:assumed-role/hotspare-lab/hotspare-lab`

/** The message of an access refusal, e.g. for `route53:GetChange` on an ARN. */
export function notAuthorizedMessage(action: string, resource: string): string {
  return (
    `User: ${callerArn} is not authorized to perform: ${action} on resource: ${resource} ` +
    `because no identity-based policy allows the ${action} action`
  )
}
