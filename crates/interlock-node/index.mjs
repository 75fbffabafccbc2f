import sdk from './index.cjs';

export const {
  Approval,
  ApprovalDenied,
  ApprovalRequired,
  ApprovalTimeout,
  Blocked,
  BudgetExceeded,
  CircuitOpen,
  ConfigurationError,
  Decision,
  Denied,
  Interlock,
  InterlockError,
  InvalidAction,
  LimitExceeded,
  LoopDetected,
  Unavailable,
  findPii,
  guard,
  maskPii,
  version,
} = sdk;
