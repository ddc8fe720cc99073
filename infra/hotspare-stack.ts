/** The stack for those who have no CDK app of their own: one construct, and nothing else. */
import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { HotSpare, type HotSpareProps } from './hotspare.ts'

export interface HotspareStackProps extends StackProps {
  /** What the construct is given. @default hotspare.json, the bundle that was built */
  readonly hotSpare?: HotSpareProps
}

export class HotspareStack extends Stack {
  readonly hotSpare: HotSpare

  constructor(scope: Construct, id: string, { hotSpare, ...props }: HotspareStackProps = {}) {
    super(scope, id, props)
    this.hotSpare = new HotSpare(this, 'HotSpare', hotSpare)
  }
}
