/** Alerts over SNS, with the real SDK against the lab's SNS. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import { type Alert, type Alerts, createNoAlerts } from '../../lambda/adapters/alerts.ts'
import { createSnsAlerts, subjectOf } from '../../lambda/adapters/sns.ts'

const topicArn = 'arn:aws:sns:eu-west-1:123456789012:hotspare'
const plentyMs = 5_000
const alert: Alert = {
  subject: 'orders: failed over to bob',
  body: 'alice died.\nbob is the writer now: 0 transactions at risk (größte Lücke 0 s).',
  attributes: { pair: 'orders', event: 'failed-over', severity: 'critical' },
}

describe('publishing', () => {
  let lab: LabAws
  let alerts: Alerts
  beforeEach(async () => {
    lab = await startLabAws()
    for (const [name, value] of Object.entries(lab.environment)) vi.stubEnv(name, value)
    alerts = createSnsAlerts({ topicArn })
  })
  afterEach(async () => {
    alerts.close()
    vi.unstubAllEnvs()
    await lab.close()
  })

  test('subject, body and attributes arrive', async () => {
    expect(await alerts.publish(alert, plentyMs)).toBe(true)
    const { subject, body, attributes } = alert
    expect(lab.sns.messages).toMatchObject([{ topicArn, subject, message: body, attributes }])
  })

  test.each([
    ['a subject that is too long', { ...alert, subject: 'é\n'.repeat(200) }],
    ['nothing to say', { ...alert, subject: ' ', body: '', attributes: { ...alert.attributes, event: '' } }],
    ['a body over the limit', { ...alert, body: '🐬'.repeat(100_000) }],
  ])('%s is taken all the same', async (_, odd) => {
    expect(await alerts.publish(odd, plentyMs)).toBe(true)
    expect(lab.sns.messages).toHaveLength(1)
  })

  test('an empty attribute is left out, since SNS would refuse the whole message', async () => {
    const attributes = { pair: 'orders', event: '', severity: 'info' }
    await alerts.publish({ ...alert, attributes }, plentyMs)
    expect(lab.sns.messages[0]?.attributes).toEqual({ pair: 'orders', severity: 'info' })
  })

  test('M9: a topic that hangs costs no more than the deadline', async () => {
    lab.sns.faults.outage = 'hang'
    const started = performance.now()
    expect(await alerts.publish(alert, 250)).toContain('250 ms')
    expect(performance.now() - started).toBeLessThan(650)
  })

  test('M9: an outage is a reason, not an error', async () => {
    lab.sns.faults.outage = 'refuse'
    expect(await alerts.publish(alert, plentyMs)).toContain('connection to SNS failed')
  })

  test('an answer that was lost: the message is sent again', async () => {
    lab.sns.faults.loseNextResponses(1)
    expect(await alerts.publish(alert, plentyMs)).toBe(true)
    expect(lab.sns.messages).toHaveLength(2)
  })

  test('a denial names the right that is missing', async () => {
    lab.sns.faults.rejection = 'authorization-error'
    expect(await alerts.publish(alert, plentyMs)).toContain(`Grant sns:Publish on ${topicArn}`)
    expect(lab.sns.publishCalls).toBe(1)
  })

  test('a topic that can not be is a reason', async () => {
    const wrong = createSnsAlerts({ topicArn: 'nonsense' })
    expect(await wrong.publish(alert, plentyMs)).toContain('nonsense')
    wrong.close()
  })
})

test('without a topic nothing is sent, and that is right', async () => {
  const none = createNoAlerts()
  expect(await none.publish(alert, 1)).toBe(true)
  none.close()
})

describe('subjects', () => {
  test.each([
    ['plain', 'orders: bob is the writer', 'orders: bob is the writer'],
    ['line breaks', ' orders:\r\n\tbob ', 'orders: bob'],
    ['accents and dashes', 'größe – café', 'große - cafe'.replace('ß', '?')],
    ['other characters', 'pair 🐬 日本', 'pair ? ??'],
    ['control characters', 'a\u0000b\u007fc', 'a b c'],
    ['nothing', ' \n ', 'Hotspare'],
  ])('%s', (_, text, expected) => {
    expect(subjectOf(text)).toBe(expected)
  })

  test('100 characters stay, more are cut', () => {
    expect(subjectOf('x'.repeat(100))).toBe('x'.repeat(100))
    expect(subjectOf('x'.repeat(101))).toBe(`${'x'.repeat(97)}...`)
  })
})
