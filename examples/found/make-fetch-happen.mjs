// make-fetch-happen 15.0.6: `timeout` does not cover the making of the connection.
import fetch from 'make-fetch-happen'
import { serve } from '../servers/http.mjs'
import { at, between } from './network.mjs'

export const promise =
  'README: "The following options for `minipass-fetch` are used as-is: [...] timeout"'
// The client's SYN.
export const options = at('silence forever', 'dst port 80 and tcp[tcpflags] & tcp-syn != 0')

const listen = () => serve(80)

export default between(listen, async ({ settles }) => {
  const reply = fetch('http://server', { timeout: 1000, retry: false })
  const body = reply.then(each => each.text())
  await settles(
    body.catch(() => 'an error is right'),
    { within: '9s' },
  )
})
