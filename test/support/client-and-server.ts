/** The namespaces `client` and `server` in a lab of each test, which ends with it. */
import { afterEach, beforeEach } from 'vitest'
import { createLab, type Lab, type LabNamespace } from '../../src/testing/index.ts'

export let lab: Lab
export let client: LabNamespace
export let server: LabNamespace

beforeEach(async () => {
  lab = await createLab({ seed: 7 })
  ;[client, server] = lab.namespaces('client', 'server')
})
afterEach(() => lab.close())
