// http-proxy-3 2.0.1: if the target closes within a reply, the client waits without end.
import httpProxy from 'http-proxy-3'
import { scenarioOf } from './http-proxy.mjs'

// A fork of http-proxy: the faults are the same.
export { options } from './http-proxy.mjs'

export const promise =
  'README: "`error`: The error event is emitted if the request to the target fail."'

export default scenarioOf(httpProxy)
