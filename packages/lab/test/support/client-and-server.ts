/** The namespaces `client` and `server` of a lab for each test. */
import { afterEach, beforeEach } from 'vitest'
import { createLab, type Lab, type LabHost } from '../../src/index.ts'

export let lab: Lab
export let client: LabHost
export let server: LabHost

/** Makes the lab before each test of a file, and closes it after it. */
export function clientAndServer(): void {
  beforeEach(async () => {
    lab = await createLab({ seed: 7 })
    ;[client, server] = lab.hosts('client', 'server')
  })
  afterEach(() => lab.close())
}
