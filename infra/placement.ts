/**
 * Where the functions run: the subnets and security groups of a VPC that exists, and the way from there to Route 53, Secrets
 * Manager and SNS.
 *
 * The one thing to understand: a function in a VPC has no public address, so a subnet that reaches the internet for everybody
 * else need not do so for it. There are three ways out. `nat` makes nothing and expects a route to a NAT gateway. `endpoints`
 * makes an interface endpoint for each service; Route 53's control plane lives in one region, so its endpoint crosses over to
 * that. `ipv6` makes nothing either: it lets the functions use IPv6, over an egress-only gateway, to the services' dual-stack
 * names.
 *
 * Source: AWS PrivateLink guide, "Cross-region enabled AWS services"; Lambda Developer Guide, "Internet access for VPC-connected
 * Lambda functions" (IPv6).
 */

import { Stack, Validations } from 'aws-cdk-lib'
import {
  CfnVPCEndpoint,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
  Port,
  SecurityGroup,
  Subnet,
  Vpc,
} from 'aws-cdk-lib/aws-ec2'
import type { Construct } from 'constructs'
import type { NetworkContent } from '../lambda/config/deployment-schema.ts'

export type Reach = 'nat' | 'endpoints' | 'ipv6'
export type EndpointService = 'route53' | 'secretsmanager' | 'sns'

/** A network of your own CDK app, in place of the ids in hotspare.json. */
export interface HotSpareNetwork {
  /** The VPC that reaches both servers. */
  readonly vpc: IVpc
  /**
   * Subnets in at least two zones.
   *
   * @default the VPC's private subnets
   */
  readonly subnets?: readonly ISubnet[]
  /** The functions' security groups; those of the servers have to let them in. */
  readonly securityGroups: readonly ISecurityGroup[]
  /** The way to Route 53, Secrets Manager and SNS. */
  readonly reach: Reach
  /**
   * With `endpoints`, the services to make one for, where the VPC has some already.
   *
   * @default all three
   */
  readonly createEndpoints?: readonly EndpointService[]
}

/** Where one function runs. */
export interface Placement {
  readonly vpc: IVpc
  readonly subnets: readonly ISubnet[]
  readonly securityGroups: readonly ISecurityGroup[]
  readonly reach: Reach
  readonly createEndpoints: readonly EndpointService[]
}

const allServices = ['route53', 'secretsmanager', 'sns'] as const
/** Home of Route 53's control plane, in each partition that has one. */
const route53Region = 'us-east-1'

/** The placement that hotspare.json describes by ids; nothing is looked up. */
export function placementFromIds(scope: Construct, network: NetworkContent): Placement {
  const subnets = Object.entries(network.subnets).map(([subnetId, availabilityZone]) => {
    const subnet = Subnet.fromSubnetAttributes(scope, subnetId, { subnetId, availabilityZone })
    const reason = 'Functions are put into the subnet, and no routes.'
    Validations.of(subnet).acknowledge({ id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId', reason })
    return subnet
  })
  const availabilityZones = [...new Set(Object.values(network.subnets))].sort()
  return {
    vpc: Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId: network.vpcId, availabilityZones }),
    subnets,
    securityGroups: network.securityGroupIds.map((id) =>
      SecurityGroup.fromSecurityGroupId(scope, id, id, { mutable: false }),
    ),
    reach: network.reach,
    createEndpoints: network.createEndpoints ?? allServices,
  }
}

/** The placement that a CDK app gives. */
export function placementFromConstructs(network: HotSpareNetwork): Placement {
  const { vpc, securityGroups, reach } = network
  return {
    vpc,
    subnets: network.subnets ?? vpc.privateSubnets,
    securityGroups,
    reach,
    createEndpoints: network.createEndpoints ?? allServices,
  }
}

/**
 * The same placement for each of `count` watch functions: all subnets for one, those of a zone each for two.
 *
 * @throws Error if there are fewer zones than watchers.
 */
export function placementPerWatcher(placement: Placement, count: number): readonly Placement[] {
  if (count === 1) return [placement]
  const zones = [...new Set(placement.subnets.map(({ availabilityZone }) => availabilityZone))].sort()
  if (zones.length < count) {
    throw new Error(
      `deployment.watchers is ${count}, and the subnets are in ${zones.length} zone. Give subnets in ${count} zones.`,
    )
  }
  return zones.slice(0, count).map((zone) => ({
    ...placement,
    subnets: placement.subnets.filter(({ availabilityZone }) => availabilityZone === zone),
  }))
}

/**
 * The interface endpoints, with one security group that lets in HTTPS from the functions and nothing else. Nothing unless
 * the placement's reach is `endpoints`.
 */
export function addEndpoints(scope: Construct, placement: Placement): void {
  if (placement.reach !== 'endpoints' || placement.createEndpoints.length === 0) return
  const group = new SecurityGroup(scope, 'EndpointSecurityGroup', {
    vpc: placement.vpc,
    description: 'HTTPS from the Hotspare functions to the services that they call',
    allowAllOutbound: false,
  })
  for (const each of placement.securityGroups) group.addIngressRule(each, Port.HTTPS, 'from Hotspare')
  const { region } = Stack.of(scope)
  for (const service of placement.createEndpoints) {
    const isRoute53 = service === 'route53'
    new CfnVPCEndpoint(scope, `${endpointIds[service]}Endpoint`, {
      vpcEndpointType: 'Interface',
      vpcId: placement.vpc.vpcId,
      serviceName: isRoute53 ? 'com.amazonaws.route53' : `com.amazonaws.${region}.${service}`,
      ...(isRoute53 ? { serviceRegion: route53Region } : {}),
      subnetIds: onePerZone(placement.subnets).map(({ subnetId }) => subnetId),
      securityGroupIds: [group.securityGroupId],
      privateDnsEnabled: true,
    })
  }
}

const endpointIds = { route53: 'Route53', secretsmanager: 'SecretsManager', sns: 'Sns' } as const

/** An endpoint takes one subnet of a zone. */
function onePerZone(subnets: readonly ISubnet[]): readonly ISubnet[] {
  return subnets.filter(
    ({ availabilityZone }, index) =>
      subnets.findIndex((other) => other.availabilityZone === availabilityZone) === index,
  )
}

/** Says at synthesis that functions outside of any VPC reach only servers with public addresses. */
export function warnWithoutNetwork(scope: Construct): void {
  Validations.of(scope).addWarning(
    'HotspareWithoutNetwork',
    'hotspare.json has no "network": the functions run outside of your VPC and reach only servers whose addresses are open to ' +
      'the internet. Add "network" with the VPC of the servers.',
  )
}
