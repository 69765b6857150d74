// smtp-client 0.4.0: greet() does not use its timeout.
import { SMTPClient } from 'smtp-client'
import { serve } from '../servers/smtp.mjs'
import { at, between } from './network.mjs'

export const promise =
  'README, greet(): "timeout: A time in milliseconds after the operation automatically rejects"'
export const options = at('silence forever', 'dst port 25 and greater 110')

export default between(
  () => serve(),
  async ({ settles }) => {
    const client = new SMTPClient({ host: 'server', port: 25 })
    await client.connect({ timeout: 1000 })
    const greeted = client.greet({ hostname: `${'a'.repeat(50)}.example.com`, timeout: 1000 })
    await settles(
      greeted.catch(() => {}),
      { within: '8s', what: 'greet' },
    )
  },
)
