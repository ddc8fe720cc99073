/**
 * The AWS side of the lab in one call: Route 53, its name server, SNS and Secrets Manager, each on its own loopback port, and
 * the environment that makes an unchanged AWS SDK in a child process talk to them.
 */

import { labRegion } from './lab-account.ts'
import type { LoopbackService } from './loopback-service.ts'
import { type LabNameServer, startNameServer } from './name-server.ts'
import { LabRoute53 } from './route53.ts'
import { LabSecretsManager } from './secrets-manager.ts'
import { LabSns } from './sns.ts'
import type { Zone } from './zone.ts'

export interface LabAwsOptions {
  /** @default 'example.com' */
  readonly zoneName?: string
  /** @default 'Z0EXAMPLE' */
  readonly hostedZoneId?: string
  /** How long a change takes to reach the name server. @default 0 */
  readonly insyncAfterMs?: number
  /** @default 0, a free one */
  readonly nameServerPort?: number
}

/** A type alias and no interface, so that it can be laid over `process.env`. */
export type LabEnvironment = Readonly<
  Record<
    | 'AWS_ENDPOINT_URL_ROUTE_53'
    | 'AWS_ENDPOINT_URL_SNS'
    | 'AWS_ENDPOINT_URL_SECRETS_MANAGER'
    | 'AWS_REGION'
    | 'AWS_ACCESS_KEY_ID'
    | 'AWS_SECRET_ACCESS_KEY'
    | 'AWS_EC2_METADATA_DISABLED'
    | 'HOTSPARE_NAME_SERVER',
    string
  >
>

export interface LabAws {
  readonly route53: LabRoute53
  /** The hosted zone that was asked for; there may be more in `route53`. */
  readonly zone: Zone
  readonly sns: LabSns
  readonly secrets: LabSecretsManager
  readonly nameServer: LabNameServer
  /** What a child process needs in its environment, to be laid over the parent's. */
  readonly environment: LabEnvironment
  /** Ends at once, whatever hangs. */
  close(): Promise<void>
}

/** Starts everything; rejects if a port can't be had, with nothing left running. */
export async function startLabAws(options: LabAwsOptions = {}): Promise<LabAws> {
  const route53 = new LabRoute53()
  route53.insyncAfterMs = options.insyncAfterMs ?? 0
  const zone = route53.addZone(options.hostedZoneId ?? 'Z0EXAMPLE', options.zoneName ?? 'example.com')
  const sns = new LabSns()
  const secrets = new LabSecretsManager()
  // First, because it is the only one that can fail: its port may be taken.
  const nameServer = await startNameServer(() => route53.zones(), options.nameServerPort)
  const [route53Service, snsService, secretsService] = await Promise.all([
    route53.listen(),
    sns.listen(),
    secrets.listen(),
  ])
  const running: readonly { close(): Promise<void> }[] = [
    nameServer,
    route53Service,
    snsService,
    secretsService,
  ]
  return {
    route53,
    zone,
    sns,
    secrets,
    nameServer,
    environment: environmentFor(route53Service, snsService, secretsService, nameServer),
    async close() {
      await Promise.all(running.map((part) => part.close()))
    },
  }
}

function environmentFor(
  route53: LoopbackService,
  sns: LoopbackService,
  secrets: LoopbackService,
  nameServer: LabNameServer,
): LabEnvironment {
  return {
    AWS_ENDPOINT_URL_ROUTE_53: route53.endpoint,
    AWS_ENDPOINT_URL_SNS: sns.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
    AWS_REGION: labRegion,
    AWS_ACCESS_KEY_ID: 'lab',
    AWS_SECRET_ACCESS_KEY: 'lab',
    // Nothing may look for credentials outside loopback, whatever goes wrong with the two above.
    AWS_EC2_METADATA_DISABLED: 'true',
    HOTSPARE_NAME_SERVER: `127.0.0.1:${nameServer.port}`,
  }
}
