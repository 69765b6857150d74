// superagent 10.4.2: after a redirect the response timeout is not set again.
import superagent from 'superagent'
import { serve } from '../servers/http.mjs'
import { at, between } from './network.mjs'

export const promise =
  'lib/request-base.js, timeout(): "time between sending request and receiving the first byte of the response"'
// The reply at the new place.
export const options = at('silence forever', 'src port 80 and len = 129')

const ask = () => superagent.get('http://server/redirect').timeout({ response: 3000 })

export default between(
  () => serve(80),
  ({ settles }) =>
    settles(
      ask().catch(() => {}),
      { within: '9s' },
    ),
)
