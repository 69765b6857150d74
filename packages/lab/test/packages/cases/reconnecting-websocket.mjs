import ReconnectingWebSocket from 'reconnecting-websocket'
import { askBy, multiplyingWs } from '../servers/multiplying-ws.mjs'

export const serve = multiplyingWs
export const answer = '42'
export const ask = () => askBy(ReconnectingWebSocket)
