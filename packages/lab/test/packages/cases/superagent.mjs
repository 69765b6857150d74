import superagent from 'superagent'
import { multiplyingHttp } from '../servers/listening.mjs'

export const serve = multiplyingHttp
export const answer = '42'
export const ask = async () => (await superagent.get('http://server/6/7').buffer(true)).text ?? ''
