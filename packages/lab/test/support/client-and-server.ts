/** The namespaces `client` and `server` of a lab for each test. */
import { afterEach, beforeEach } from 'vitest'
import { createLab, type Lab, type LabNamespace } from '../../src/index.ts'

export let lab: Lab
export let client: LabNamespace
export let server: LabNamespace

/** Makes the lab before each test of a file, and closes it after it. */
export function clientAndServer(): void {
  beforeEach(async () => {
    lab = await createLab({ seed: 7 })
    ;[client, server] = lab.namespaces('client', 'server')
  })
  afterEach(() => lab.close())
}
