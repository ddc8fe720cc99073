/**
 * Writes hotspare.schema.json, the published JSON Schema of hotspare.json, from the schema that validates the file. Run it after
 * a change of lambda/config/schema.ts; a test fails while the committed file is out of date.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toJsonSchema } from '@valibot/to-json-schema'
import { configurationSchema, dependentSchemas } from '../lambda/config/schema.ts'

export const schemaFile = fileURLToPath(new URL('../hotspare.schema.json', import.meta.url))

/** The JSON Schema as text, laid out as the project's formatter wants it. */
export function schemaText(): string {
  const schema = toJsonSchema(configurationSchema, {
    typeMode: 'input',
    errorMode: 'throw',
    overrideSchema({ valibotSchema, jsonSchema }) {
      const entries = 'entries' in valibotSchema ? valibotSchema.entries : null
      if (entries === dependentSchemas.credentials.entries) {
        return {
          ...jsonSchema,
          oneOf: [{ required: ['secretId'] }, { required: ['usernameEnv', 'passwordEnv'] }],
        }
      }
      if (entries === dependentSchemas.tls.entries) {
        const disabled = { properties: { mode: { const: 'disabled' } }, required: ['mode'] }
        return { ...jsonSchema, anyOf: [disabled, { required: ['caFile'] }] }
      }
      if (entries === dependentSchemas.alerts.entries) {
        const subscribers = ['email', 'sms', 'https', 'sqs'].map((key) => ({ required: [key] }))
        return { ...jsonSchema, oneOf: [{ required: ['topicArn'] }, { anyOf: subscribers }] }
      }
      return null
    },
  })
  const expanded = JSON.stringify(schema, null, 2)
  // The formatter keeps lists of plain values on one line.
  const compact = expanded.replace(
    /\[\n([^[\]{}]*?)\n\s*\]/g,
    (_, list: string) => `[${list.trim().replace(/,\n\s*/g, ', ')}]`,
  )
  return `${compact}\n`
}

if (import.meta.main) {
  writeFileSync(schemaFile, schemaText())
  console.log(`wrote ${schemaFile}`)
}
