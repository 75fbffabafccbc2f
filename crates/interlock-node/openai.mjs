import openai from './openai.cjs';

export const { guardTools, runToolCalls } = openai;
