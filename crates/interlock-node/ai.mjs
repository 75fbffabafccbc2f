import ai from './ai.cjs';

export const { guardTools } = ai;
