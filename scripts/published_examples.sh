# The examples of the published API, as printed there; a test runs each against `interlock up`.
curl -X POST https://vaultak.com/api/check \
  -H "x-api-key: vtk_your_api_key_here" \
  -H "Content-Type: application/json" \
  -d '{"agent_id": "my-agent", "action_type": "file_delete", "resource": "/data/sensitive.csv"}'
curl -X PATCH https://vaultak.com/api/agents/my-agent/profile \
  -H "x-api-key: vtk_your_api_key_here" \
  -H "Content-Type: application/json" \
  -d '{
    "allowed_action_types": ["file_read", "api_call"],
    "allowed_resources": ["/tmp/*"],
    "blocked_resources": ["prod.*", "*.env"],
    "max_actions_per_minute": 20,
    "max_risk_score": 0.7
  }'
curl -X POST https://vaultak.com/api/actions \
  -H "x-api-key: vtk_your_api_key_here" \
  -H "Content-Type: application/json" \
  -d '{"agent_id": "my-agent", "action_type": "file_write", "resource": "/tmp/output.txt"}'
curl https://vaultak.com/api/agents \
  -H "x-api-key: vtk_your_api_key_here"
curl https://vaultak.com/api/alerts \
  -H "x-api-key: vtk_your_api_key_here"
curl -X POST https://vaultak.com/api/policies \
  -H "x-api-key: vtk_your_api_key_here" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "no-prod-deletes",
    "action_type": "file_delete",
    "resource_pattern": "prod.*",
    "effect": "block",
    "max_risk_score": 0.5,
    "priority": 10
  }'
