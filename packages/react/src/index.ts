export { SecureInput } from './SecureInput.js';
export type { SecureInputProps } from './SecureInput.js';
export { SecurityBadge } from './SecurityBadge.js';
export type { BadgeDecision, SecurityBadgeProps } from './SecurityBadge.js';
export { usePiiCheck } from './usePiiCheck.js';
export type { Check, Found, PiiCheckOptions } from './usePiiCheck.js';
export type { Transport } from './transport.js';
