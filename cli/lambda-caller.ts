/** Calls functions through the AWS SDK. Endpoint, region and credentials follow the SDK's own environment variables. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { awsClientSettings } from '../lambda/adapters/aws-call.ts'
import type { FunctionCaller } from './remote.ts'

/** A function may take up to a quarter of an hour; whoever waits longer waits for nothing. */
const LONGEST_CALL_MS = 905_000

export function createLambdaCaller(): FunctionCaller {
  const settings = awsClientSettings()
  const client = new LambdaClient({
    ...settings,
    requestHandler: { ...settings.requestHandler, requestTimeout: LONGEST_CALL_MS },
  })
  return {
    region: () => client.config.region(),
    async call(functionName, event) {
      const command = new InvokeCommand({
        FunctionName: functionName,
        InvocationType: 'RequestResponse',
        Payload: new TextEncoder().encode(event),
      })
      try {
        const { Payload, FunctionError } = await client.send(command)
        return { payload: new TextDecoder().decode(Payload), failed: FunctionError !== undefined }
      } finally {
        client.destroy()
      }
    },
  }
}
