/** What `import { HotSpare } from 'hotspare'` gives to a CDK app. */
export { type Configuration, ConfigurationError } from '../lambda/config.ts'
export { HotSpare, type HotSpareProps } from './hotspare.ts'
export { HotspareStack, type HotspareStackProps } from './hotspare-stack.ts'
export type { EndpointService, HotSpareNetwork, Reach } from './placement.ts'
