// Made from docs/openapi.json by `make generate`. Do not edit.

export interface paths {
    "/api/actions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists actions, newest first. */
        get: operations["list_actions"];
        put?: never;
        /** Logs an action that already ran: it is scored and recorded, nothing is enforced. */
        post: operations["report_action"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/actions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One action with everything that was decided about it. */
        get: operations["get_action"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/actions/{id}/outcome": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reports what became of an action, once; its result is scanned before the agent sees it. */
        post: operations["report_outcome"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/actions/{id}/rule": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Proposes a rule that covers a recorded action, with a test that reproduces it. The rule goes by
         *     facts such as tables, hosts and directories, never by an agent's free text. The test holds
         *     arguments only where it needs them and the key may read content; that they were read goes into
         *     the record. Publish the text with `POST /api/bundle`.
         */
        post: operations["propose_rule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists all agents with their profiles. */
        get: operations["list_agents"];
        put?: never;
        /** Registers an agent. */
        post: operations["register_agent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes an agent: name, pause, kill switch. */
        patch: operations["update_agent"];
        trace?: never;
    };
    "/api/agents/{id}/profile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Changes an agent's permission profile; every field is enforced whatever the policies say. */
        patch: operations["set_profile"];
        trace?: never;
    };
    "/api/agents/{id}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pauses an agent and orders that its last steps are undone. The connected client that kept what
         *     they changed does so within seconds, one of them and once; `GET /api/rollbacks/{id}` says what
         *     came of it. The agent stays paused until somebody ends that.
         */
        post: operations["order_rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alert-groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists groups of alerts, the one that happened last first. */
        get: operations["list_alert_groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alert-groups/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A group of alerts with its newest alerts and its history. */
        get: operations["get_alert_group"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Acknowledges, resolves, reopens, assigns or comments a group of alerts, if nobody else has
         *     changed it meanwhile.
         */
        patch: operations["update_alert_group"];
        trace?: never;
    };
    "/api/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists alerts, newest first. */
        get: operations["list_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{id}/acknowledge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Acknowledges an alert; the first acknowledgement stands. */
        patch: operations["acknowledge_alert"];
        trace?: never;
    };
    "/api/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists approvals, the oldest first, or the newest. */
        get: operations["list_approvals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decides many approvals, one after the other; each has its own result. */
        post: operations["decide_approvals"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One approval with everything that a person should know before they answer. */
        get: operations["get_approval"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes an approval back, before its grant is used: the agent that asked, or a person. */
        post: operations["cancel_approval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}/decide": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decides an approval; a second answer gets the first outcome.
         * @description An edited action is decided on like any other: what would be blocked cannot be agreed to.
         */
        post: operations["decide_approval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decides on an edited action without agreeing to it. Nothing is recorded or charged. */
        post: operations["preview_edit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}/resolve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends the doubt about an action whose executor went away; the first answer stands. */
        post: operations["resolve_approval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{id}/wait": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Waits until an approval is decided, or until `hold` is over; then ask again. */
        get: operations["wait_for_approval"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/checkpoint": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest checkpoint, signed now if it is stale. Keep one outside: it is what finds a rollback. */
        get: operations["get_checkpoint"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/consistency": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The proof that one state of the log is the beginning of another. */
        get: operations["get_consistency_proof"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/content/{seq}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The content of an entry, unmasked, checked against what the entry commits to. That it was read,
         *     and by whom, goes into the record first.
         */
        get: operations["get_content"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/content/{seq}/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Holds presented content against what an entry commits to; of use where content is not kept. */
        post: operations["check_content"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists entries of the tenant's log in order. */
        get: operations["list_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bodies as stored, one a line, from a sequence number on; at most 10,000 a request. */
        get: operations["export_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/proof/{seq}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The proof for one entry. */
        get: operations["get_inclusion_proof"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/budgets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the budgets and what is used of them. */
        get: operations["list_budgets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/budgets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Sets a budget: a new one, or new terms for the one of that name. What was used in the period stays
         *     used.
         */
        put: operations["set_budget"];
        post?: never;
        /** Removes a budget. Should it come back within the period, what was used stays used. */
        delete: operations["remove_budget"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The bundle in force, signed. A client that enforces by itself checks the manifest, that the
         *     number is not lower than the one it has, and the texts.
         */
        get: operations["get_bundle"];
        put?: never;
        /** Publishes a bundle: it compiles as a whole, or what is in force stays. */
        post: operations["publish_bundle"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bundle/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Compiles a draft with everything else that is in force and runs its tests. Nothing changes. */
        post: operations["check_bundle"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bundle/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The revisions of the tenant's bundles, newest first. */
        get: operations["list_bundle_revisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The channels of the server's people file; they are of one tenant, so that others see none. */
        get: operations["list_channels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Decides on an action before it runs. */
        post: operations["check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists deliveries, the newest first. */
        get: operations["list_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/deliveries/{seq}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Makes a dead delivery due again. */
        post: operations["retry_delivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/evidence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A bundle of evidence, a zip: entries, proofs, keys, policies, tables and verifiers, signed. That it
         *     was taken, and by whom, goes into the record first.
         */
        post: operations["export_evidence"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The record as events, one a line: a page that ends after `limit` entries or 4 MiB.
         * @description `x-next-after` says where the next page begins, `x-more` whether there is one already. A page may
         *     be empty and have more behind it, when the entries that were passed over are outside the times
         *     asked for.
         */
        get: operations["export_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/export/sinks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sinks of the server's export configuration; they are of the whole server, so that only its own
         *     tenant is shown them.
         */
        get: operations["list_export_sinks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes up an invitation, once: the password and the second factor are set, and a session begins as
         *     when signing in.
         */
        post: operations["join"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/join/look": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Shows what an invitation is for; looking changes nothing. */
        post: operations["look_at_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the tenant's keys, also revoked ones. */
        get: operations["list_keys"];
        put?: never;
        /** Makes a key. The answer is the only time that it is shown. */
        post: operations["create_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Revokes a key; the first revocation stands. */
        delete: operations["revoke_key"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a key another secret, shown only in this answer, and another end. The secret that it had is
         *     accepted for some hours more, so that programs are changed one after the other; the one of before
         *     that ends at once.
         */
        post: operations["rotate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/kill-switch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The kill switch. */
        get: operations["get_kill_switch"];
        put?: never;
        /** Stops everything of the tenant, or lets it go on. */
        post: operations["set_kill_switch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/lease": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an enforcement point that decides by itself may rely on, for some seconds. It asks every
         *     second; when no lease holds, it denies side effects.
         */
        get: operations["get_lease"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mutes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists mutes, the newest first. */
        get: operations["list_mutes"];
        put?: never;
        /** Keeps people from being told of groups of alerts for a time. */
        post: operations["create_mute"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mutes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends a mute before it expires; the first end stands. */
        delete: operations["end_mute"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Changes one's own password, in a session. All other sessions of the person end. */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pii/mask": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Masks personal data and secrets in a text. */
        post: operations["mask"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/policies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists policies, the highest priority first. */
        get: operations["list_policies"];
        put?: never;
        /** Adds a policy, in force at once. */
        post: operations["create_policy"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/policies/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a policy. */
        delete: operations["remove_policy"];
        options?: never;
        head?: never;
        /** Changes a policy. */
        patch: operations["update_policy"];
        trace?: never;
    };
    "/api/records": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes records of decisions and outcomes that a client made by itself. One that is sent again is
         *     recorded once: by its id. Each is judged by itself: a key that is bound to an agent brings that agent's
         *     records, and others are refused.
         */
        post: operations["send_records"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/reports/{framework}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the record proves for the controls of a framework, and what it does not: counts of entries, each with
         *     its query, and in JSON proofs of the first and the last. That it was asked for is recorded.
         */
        get: operations["get_report"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/response-rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rules of automatic responses. */
        get: operations["get_response_rules"];
        /** Replaces the rules of automatic responses; they answer to alerts from now on. */
        put: operations["set_response_rules"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/responses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists automatic responses, the newest first. */
        get: operations["list_responses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rollbacks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the latest rollbacks, newest first. */
        get: operations["list_rollbacks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rollbacks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A rollback and how far it has come. */
        get: operations["get_rollback"];
        put?: never;
        post?: never;
        /** Takes back a rollback that no client has taken. The agent stays paused. */
        delete: operations["cancel_rollback"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rollbacks/{id}/claim": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a rollback for one client, which then carries it out. The same client may ask again; for
         *     every other one it is taken.
         */
        post: operations["claim_rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rollbacks/{id}/result": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes what came of a rollback from the client that has it, once. */
        post: operations["end_rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists runs, the one that acted last first. */
        get: operations["list_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compares two runs: steps that belong together and differ, and steps that only one has. */
        get: operations["diff_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Signs in with a password and a one-time code. The session is a cookie that scripts cannot read; it
         *     ends after 12 hours, or 30 minutes without a request.
         * @description Only a page of this server can do this: the request must name its own `Origin`, have
         *     `Sec-Fetch-Site: same-origin`, and a header `x-interlock-request`. So must all other changes that
         *     count by the cookie.
         */
        post: operations["sign_in"];
        /** Signs out: the session ends, and the browser forgets it. */
        delete: operations["sign_out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session-approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists session approvals, the newest first, also those that are over. */
        get: operations["list_session_approvals"];
        put?: never;
        /**
         * Agrees to further actions like the one that an approval is about, within its run or session.
         * @description The approval itself stays as it is. Never for a critical action, nor for what several people must
         *     agree to.
         */
        post: operations["create_session_approval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session-approvals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Takes a session approval back; the first time stands. */
        delete: operations["revoke_session_approval"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the providers at which people may sign in; none where none is configured. */
        get: operations["list_sign_in_providers"];
        put?: never;
        /**
         * Begins a sign-in at a provider: `OpenID` Connect, authorisation code with PKCE. The browser goes to
         *     `url`, and comes back within ten minutes with what a cookie of this answer binds to it.
         */
        post: operations["begin_sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/oidc/callback/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where the provider sends the browser back to. Whoever is known here is signed in; whoever is not
         *     gets a page that says why. The answer of the provider is good once, in the browser that began.
         */
        get: operations["end_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sessions of whoever asks; with a key that is nobody's, none. */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Ends one of one's own sessions. */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Sums over the tenant. */
        get: operations["get_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/subjects/{kind}/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Destroys what is kept of the content about a person or an agent. It cannot be undone; the record
         *     keeps its proofs, and says that contents were erased.
         */
        delete: operations["erase_subject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tool-stops": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists stops of tools, the newest first. */
        get: operations["list_tool_stops"];
        put?: never;
        /** Stops a tool at once, here and in connected clients within a second or two. */
        post: operations["stop_tool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tool-stops/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Lets a stopped tool go on; the first end stands. */
        delete: operations["start_tool"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the tenant's users, also disabled ones. */
        get: operations["list_users"];
        put?: never;
        /** Makes a user, and an invitation that is good for three days and for one use. */
        post: operations["create_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes a user. Disabling, another role and other groups end the user's sessions at once, and the
         *     user's keys of another role hold no more.
         */
        patch: operations["update_user"];
        trace?: never;
    };
    "/api/users/{id}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes a user's password, second factor and provider away, ends the user's sessions, and makes an invitation
         *     to set new ones.
         */
        post: operations["reset_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{id}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sessions of a user. */
        get: operations["list_user_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/what-if": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decides recorded actions anew under a draft: from the facts, findings, scores and readings of the
         *     record, no detector runs again. Nothing changes. A short range is answered at once; of a longer
         *     one `GET /api/what-if/{id}` says how far it is. What cannot be re-evaluated is listed.
         */
        post: operations["start_what_if"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/what-if/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far a replay is, and what came of it. The latest ones are kept until the server stops. */
        get: operations["get_what_if"];
        put?: never;
        post?: never;
        /** Ends a replay. One that has ended stays as it is. */
        delete: operations["cancel_what_if"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the caller's key is good for. */
        get: operations["whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process is alive. */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The server takes decisions. */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One action of the list. */
        ActionBody: {
            /** @description The type. */
            action_type: string;
            /** @description The agent. */
            agent_id: string;
            /** @description The approval that it asked for or ran under. */
            approval_id?: string | null;
            /** @description The OWASP agentic risks of what they found. */
            asi: string[];
            /** @description What it cost, a decimal of US dollars, if that was said. */
            cost_usd?: string | null;
            /** @description What the reporting client decided, or the published form of `effect`. */
            decision: string;
            /** @description Whether a detector or a rule failed. */
            degraded: boolean;
            /** @description What was decided. */
            effect: string;
            /** @description The environment, if one was said. */
            environment?: string | null;
            /** @description Whether its content was erased; the payload is `null` then. */
            erased: boolean;
            /** @description What the detectors found. */
            findings: string[];
            /** @description Why it was decided so. */
            flag_reason?: string | null;
            /** @description Whether somebody should look at it. */
            flagged: boolean;
            /** @description The decision's id. */
            id: string;
            /**
             * Format: int64
             * @description How long it ran, if that was said.
             */
            latency_ms?: number | null;
            /** @description How it ended, if that was reported. */
            outcome?: string | null;
            /** @description Masked payload or arguments. */
            payload: unknown;
            /** @description Why it was decided so, also when it is not flagged. */
            reason: string;
            /** @description Whether a client decided itself and reported it. */
            reported: boolean;
            /** @description The resource, as asked. */
            resource: string;
            /**
             * Format: int32
             * @description Our composite, 0..=100.
             */
            risk: number;
            /** @description The seven dimensions. */
            risk_breakdown: Record<string, never>;
            /**
             * Format: double
             * @description 0..1: the reporting client's score if it gave one, else ours.
             */
            risk_score: number;
            /** @description Whether it was undone. */
            rolled_back: boolean;
            /** @description The rules that fired. */
            rules: string[];
            /** @description The run. */
            run_id: string;
            /**
             * Format: int64
             * @description The sequence number of its record.
             */
            seq: number;
            /** @description The session. */
            session_id: string;
            /** @description What asked, in its own words. */
            source?: string | null;
            /**
             * Format: int64
             * @description The position in the run.
             */
            step?: number | null;
            /** @description When, RFC 3339. */
            timestamp: string;
            /** @description The tool. */
            tool: string;
        };
        /** @description An agent with its profile. */
        AgentBody: {
            /** @description Its id. */
            agent_id: string;
            /** @description Allowed action types; null: all. */
            allowed_action_types?: string[] | null;
            /** @description Allowed resources; null: all. */
            allowed_resources?: string[] | null;
            /**
             * Format: double
             * @description The mean risk, 0..1.
             */
            avg_risk_score: number;
            /** @description Blocked resources. */
            blocked_resources: string[];
            budget_usd?: components["schemas"]["BudgetBody"] | null;
            /** @description When it was registered or first seen. */
            created_at: string;
            /** @description Whether it holds elevated credentials. */
            elevated: boolean;
            /**
             * Format: int64
             * @description Actions flagged.
             */
            flagged_actions: number;
            /** @description `alert`, `pause` or `rollback`. */
            kill_switch_mode: string;
            /** @description When it was last seen. */
            last_seen?: string | null;
            /**
             * Format: int32
             * @description Most actions in a minute; null: no limit.
             */
            max_actions_per_minute?: number | null;
            /**
             * Format: double
             * @description The highest risk, 0..1; null: no limit.
             */
            max_risk_score?: number | null;
            /** @description Its name for people. */
            name: string;
            /** @description Whether it may do nothing for now. */
            paused: boolean;
            /**
             * Format: int64
             * @description Actions undone.
             */
            rolled_back_actions: number;
            /**
             * Format: int64
             * @description Actions decided.
             */
            total_actions: number;
        };
        /** @description Changes to an agent; what is absent stays. */
        AgentPatch: {
            /** @description Whether it holds elevated credentials. */
            elevated?: boolean | null;
            /** @description `alert`, `pause` or `rollback`. */
            kill_switch_mode?: string | null;
            /** @description Its name for people. */
            name?: string | null;
            /** @description Whether it may do nothing for now. */
            paused?: boolean | null;
        };
        /** @description An alert. */
        AlertBody: {
            /** @description Whether somebody has acknowledged it. */
            acknowledged: boolean;
            /** @description Who. */
            acknowledged_by?: string | null;
            /** @description The action. */
            action_id?: string | null;
            /** @description The agent. */
            agent_id: string;
            /** @description When it was raised. */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description `low`, `medium`, `high` or `critical`. */
            level: string;
            /** @description What happened. */
            message: string;
        };
        /** @description Alerts of one agent for one cause. */
        AlertGroupBody: {
            /** @description The agent; empty when the group stands for those past the limit of groups of one key. */
            agent_id: string;
            /** @description Who looks after it; empty for nobody. */
            assignee: string;
            /** @description When somebody changed it last. */
            changed_at?: string | null;
            /** @description Who did. */
            changed_by?: string | null;
            /** @description The type of the actions. */
            class: string;
            /** @description The code of that finding in the group's first alert. */
            code: string;
            /**
             * Format: int64
             * @description How many alerts.
             */
            count: number;
            /** @description The threat vector of the strongest finding. */
            detector: string;
            /** @description The threat vectors of all findings, the strongest first. */
            detectors: string[];
            /** @description What its alerts have in common; a mute may name it. */
            fingerprint: string;
            /** @description The first alert. */
            first_alert: string;
            /** @description When the first alert was raised. */
            first_seen: string;
            /** @description Its id. */
            id: string;
            /**
             * @description `decision`, `stopped` (a denial because something is stopped already), `deep-model` or
             *     `response`; empty for one past the limit.
             */
            kind: string;
            /** @description The last alert. */
            last_alert: string;
            /** @description When the last one was. */
            last_seen: string;
            /**
             * Format: int64
             * @description The place of the last alert in the order of alerts; to be sent back as `seen_seq`.
             */
            last_seq: number;
            /** @description The worst level: `low`, `medium`, `high` or `critical`. */
            level: string;
            /** @description The message of the first alert of that level. It may hold what an agent wrote. */
            message: string;
            /** @description The mute that silences it. */
            muted_by?: string | null;
            /** @description Whether it stands for groups past the limit of one key. */
            overflow: boolean;
            /** @description Whether it was resolved and happened again. */
            reopened: boolean;
            /** @description The rule that decided. */
            rule: string;
            /** @description `open`, `acknowledged` or `resolved`. */
            state: string;
            /** @description Tags of that finding: OWASP ASI, MITRE ATLAS, CWE. */
            tags: string[];
            /**
             * Format: int64
             * @description To be sent back with a change.
             */
            version: number;
        };
        /** @description What to do about a group. */
        AlertGroupChange: {
            /** @description Who looks after it from now on; empty for nobody. */
            assignee?: string | null;
            /** @description What there is to say. */
            comment?: string | null;
            /**
             * Format: int64
             * @description The last alert that was seen (`last_seq`): later ones are not covered by a new state. All that
             *     are there when absent.
             */
            seen_seq?: number | null;
            /** @description `open`, `acknowledged` or `resolved`. */
            state?: string | null;
            /**
             * Format: int64
             * @description The version that was seen.
             * @example 0
             */
            version: number;
        };
        /** @description A group with its newest alerts and its history. */
        AlertGroupDetail: {
            /** @description Its newest alerts. */
            alerts: components["schemas"]["GroupedAlertBody"][];
            /** @description The group. */
            group: components["schemas"]["AlertGroupBody"];
            /** @description What people did, the oldest first. */
            notes: components["schemas"]["GroupNoteBody"][];
        };
        /** @description An approval. */
        ApprovalBody: {
            /** @description The digest of the action as it was asked, hex. */
            action_hash: string;
            /** @description The type of the action. */
            action_type: string;
            /** @description The agent that asked. */
            agent_id: string;
            /** @description How many have, of those who may still act. */
            agreed: number;
            /** @description Whether an earlier decision stands instead of this answer. */
            already_decided: boolean;
            /** @description Where it stands in the list: give it as `after` to get what follows. */
            cursor: string;
            /** @description What the person is shown: masked arguments, reasons. */
            detail: unknown;
            /** @description When it expires, which denies. */
            expires_at: string;
            /** @description The group that is asked. */
            group: string;
            /** @description Its id; give it as `approval_id` with the same action to use the grant. */
            id: string;
            /**
             * @description The digest of the action that the next person agrees to: another one, once somebody has
             *     edited the arguments.
             */
            proposed_hash: string;
            /**
             * Format: int32
             * @description How many people must agree.
             */
            quorum: number;
            /** @description Why it is asked. */
            reason: string;
            /** @description When it was asked. */
            requested_at: string;
            /** @description The resource. */
            resource: string;
            /**
             * Format: int32
             * @description The composite risk, 0..=100.
             */
            risk: number;
            /** @description The run. */
            run_id: string;
            /** @description `pending`, `approved`, `denied`, `expired`, `claimed`, … */
            state: string;
            /** @description The tool. */
            tool: string;
            /**
             * Format: int64
             * @description Counts the changes of this approval.
             */
            version: number;
            /** @description What people answered. */
            votes: components["schemas"]["VoteBody"][];
        };
        /** @description What one argument must be; exactly one of `any`, `glob`, `one_of`, or `min` and `max`. */
        ArgumentConstraint: {
            /** @description Anything. */
            any?: boolean | null;
            /** @description A text that this pattern matches. */
            glob?: string | null;
            /**
             * Format: int64
             * @description At most this whole number.
             */
            max?: number | null;
            /**
             * Format: int64
             * @description At least this whole number.
             */
            min?: number | null;
            /** @description One of these. */
            one_of?: unknown[] | null;
        };
        /** @description One of many answers. */
        BatchItem: {
            /** @description Its `proposed_hash`, as the person was shown it. */
            action_hash: string;
            /** @description The approval. */
            id: string;
        };
        /** @description The same answer to many approvals, each of which the person was shown. */
        BatchRequest: {
            /** @description `approve` or `deny`. */
            decision: string;
            /** @description Which, at most 100. */
            items: components["schemas"]["BatchItem"][];
            /** @description Why. */
            reason?: string | null;
        };
        /** @description What became of one of many answers. */
        BatchResult: {
            /** @description Whether an earlier decision stands instead of this answer. */
            already_decided: boolean;
            error?: components["schemas"]["ErrorBody"] | null;
            /** @description The approval. */
            id: string;
            /** @description Its state; absent when the answer was refused. */
            state?: string | null;
        };
        /** @description The budgets of an agent, in US dollars as decimal texts. */
        BudgetBody: {
            /** @description The most in a day, UTC; null: no limit. */
            day?: string | null;
            /** @description The most in a month, UTC; null: no limit. */
            month?: string | null;
            /**
             * @description What the day has cost so far, what is in flight included by its estimate; null without a
             *     limit.
             */
            spent_day?: string | null;
            /** @description What the month has cost so far. */
            spent_month?: string | null;
        };
        /** @description What an agent's actions may cost, in US dollars; an absent limit does not limit. */
        BudgetRequest: {
            /** @description In a day, UTC: a decimal text; a number is taken as well. */
            day?: string | null;
            /** @description In a month, UTC: a decimal text; a number is taken as well. */
            month?: string | null;
        };
        /** @description A budget and what is used of it. */
        BudgetStanding: {
            /** @description `block` or `throttle`. */
            at_limit: string;
            /**
             * Format: int64
             * @description With `throttle`: calls a minute that go on past the limit.
             */
            calls_per_minute?: number | null;
            /** @description Whether it stands in the file that the server was started with, and is changed there. */
            declared: boolean;
            /** @description Its name. */
            id: string;
            /**
             * Format: int64
             * @description The most calls of a period; null: no limit.
             */
            limit_calls?: number | null;
            /** @description The most that a period may cost, in US dollars; null: no limit. */
            limit_usd?: string | null;
            /** @description Groups of people that are told. */
            notify: string[];
            /** @description Which keys, by id, or agents, by name. */
            of: string;
            /** @description `day` or `month`, UTC. */
            period: string;
            /**
             * @description What is used in the period: the fullest purses first, at most 100. A purse is there once it was
             *     drawn on.
             */
            purses: components["schemas"]["PurseBody"][];
            /** @description `tenant`, `key` or `agent`. */
            scope: string;
            /** @description When. */
            set_at: string;
            /** @description Who set it. */
            set_by: string;
            /** @description The percentages at which people are told. */
            thresholds: number[];
        };
        /** @description The terms of a budget. */
        BudgetTerms: {
            /** @description What happens to an action that does not fit; `block` when absent. */
            at_limit?: string | null;
            /**
             * Format: int64
             * @description With `throttle`: calls a minute that go on past the limit.
             */
            calls_per_minute?: number | null;
            /**
             * Format: int64
             * @description The most calls of a period. One of the two limits is needed.
             */
            limit_calls?: number | null;
            /**
             * @description The most that a period may cost, in US dollars.
             * @example 20
             */
            limit_usd?: string | null;
            /** @description Groups of people that are told. */
            notify?: string[];
            /**
             * @description Which keys, by id, or agents, by name; `*` stands for any characters and is meant when absent.
             * @example *
             */
            of?: string | null;
            /** @description What it renews with, UTC; `day` when absent. */
            period?: string | null;
            /**
             * @description Whom it is about: the `tenant` as a whole, or each `key` or `agent` by itself.
             * @example agent
             */
            scope: string;
            /** @description The percentages at which people are told, rising; 50, 80 and 100 when absent. */
            thresholds?: number[] | null;
        };
        /** @description A bundle in force. */
        BundleBody: {
            /** @description The digest of the compiled form, hex. */
            digest: string;
            /**
             * @description What is signed: a C2SP signed note of tenant, number, digest of the texts, digest of the
             *     compiled form, and time.
             */
            manifest: string;
            /**
             * Format: int64
             * @description The number of the bundle: it stands for one set of texts and never goes back.
             */
            number: number;
            /**
             * Format: int64
             * @description The revision of the tenant's own policies; never goes back.
             */
            revision: number;
            /** @description The files. */
            sources: components["schemas"]["SourceBody"][];
            /** @description The key that signed it, in C2SP form. A client trusts one that it was given, not this one. */
            vkey: string;
            /** @description Warnings of the compiler. */
            warnings: string[];
        };
        /** @description A channel and how it is doing. */
        ChannelBody: {
            /** @description When an attempt last failed, since the server started. */
            failed_at?: string | null;
            /**
             * Format: int32
             * @description Attempts in a row that failed, since the server started.
             */
            failures: number;
            /**
             * Format: int64
             * @description Messages that were given up within the last seven days.
             */
            given_up: number;
            /** @description `webhook`, `slack`, `email`, `pagerduty` or `teams`. */
            kind: string;
            /** @description Why the last failed attempt failed, of those that can be told. */
            last_error?: string | null;
            /** @description Its name. */
            name: string;
            /** @description When it last took a message, since the server started. */
            sent_at?: string | null;
            /**
             * Format: int64
             * @description Messages that it has not taken yet.
             */
            waiting: number;
            /** @description When the oldest of them was made. */
            waiting_since?: string | null;
        };
        /** @description An action to decide on. Further fields are kept in `metadata`. */
        CheckRequest: {
            /**
             * @description What kind of action: `file_read`, `file_write`, `file_delete`, `api_call`,
             *     `database_query`, `database_write`, `code_execution`, `network_request`,
             *     `permission_change`, `process_spawn`, `message_send`, `payment`, `llm_call`, or any other
             *     name of a-z, 0-9, `_`, `-`, `.` and `:`.
             * @example database_write
             */
            action_type: string;
            /**
             * @description Who acts; 1 to 256 bytes.
             * @example billing-bot
             */
            agent_id: string;
            /** @description The tool's arguments. */
            arguments?: Record<string, never> | null;
            /** @description What the enforcement point can do: `redact`, `sandbox`, `wait`; `undo` says that it can undo this action. */
            capabilities?: string[] | null;
            /** @description Prompt, plan, model. */
            context?: Record<string, never> | null;
            /** @description Where it runs: a name, or `name`, `region`, `network`. */
            environment?: Record<string, never> | null;
            /** @description The key under which a retry finds the first answer, for 24 hours. */
            idempotency_key?: string | null;
            /** @description Further data. */
            payload?: Record<string, never> | null;
            /**
             * @description What is acted on.
             * @example postgres://prod/customers
             */
            resource?: string | null;
            /** @description The task that the action belongs to. */
            run_id?: string | null;
            /** @description The session. */
            session_id?: string | null;
            /**
             * Format: int64
             * @description The position in the run.
             */
            step?: number | null;
            /** @description The tool that would run. */
            tool?: string | null;
            /** @description On whose behalf: `id`, `roles`, `ip`. */
            user?: Record<string, never> | null;
        };
        /** @description The decision. */
        CheckResponse: {
            /** @description As asked. */
            action_type: string;
            /** @description As asked. */
            agent_id: string;
            /** @description What may be told to the agent. */
            agent_message: string;
            /** @description The approval to wait for. */
            approval_id?: string | null;
            /** @description The published three-valued form: `allow`, `pause` or `block`. */
            decision: string;
            /** @description `allow`, `alert`, `redact`, `sandbox`, `require_approval` or `block`. */
            effect: string;
            /** @description What the detectors found. */
            findings: components["schemas"]["FindingBody"][];
            /** @description Every rule that fired. */
            fired_rules: components["schemas"]["FiredBody"][];
            /** @description The decision's id; the outcome refers to it. */
            id: string;
            /** @description What the enforcement point must also do. */
            obligations: Record<string, never>[];
            /** @description The rule that decided, if one did. */
            policy_matched?: string | null;
            /** @description The digest of the bundle that decided, hex. */
            program: string;
            /** @description The first reason, as a sentence. */
            reason: string;
            /** @description All reasons. */
            reasons: components["schemas"]["ReasonBody"][];
            /** @description The record. */
            record: components["schemas"]["RecordBody"];
            /** @description Whether this is the stored answer to an earlier request with the same key. */
            replayed: boolean;
            /** @description As asked. */
            resource: string;
            /** @description The risk with its terms. */
            risk: components["schemas"]["RiskBody"];
            /** @description The published five dimensions and the blast radius, 0..1. */
            risk_breakdown: {
                [key: string]: number;
            };
            /**
             * Format: double
             * @description The composite risk, 0..1.
             */
            risk_score: number;
            /** @description What shadow rules would have done. */
            shadow_rules: components["schemas"]["FiredBody"][];
        };
        /** @description A signed checkpoint. */
        CheckpointBody: {
            /** @description The signed note (C2SP tlog-checkpoint): origin, size, root, signatures. */
            checkpoint: string;
            /** @description The key that the log began with; what a verifier trusts. */
            vkey: string;
        };
        /** @description Who takes a rollback. */
        ClaimRequest: {
            /**
             * @description The key of the client's log in C2SP form.
             * @example interlock/client+9f86d081+AQ
             */
            log: string;
        };
        /** @description A proof that the log only grew. */
        ConsistencyBody: {
            /** @description The hashes of RFC 6962 section 2.1.2, hex. */
            hashes: string[];
            /**
             * Format: int64
             * @description The larger size.
             */
            new: number;
            /**
             * Format: int64
             * @description The smaller size.
             */
            old: number;
        };
        /** @description The content of an entry. */
        ContentBody: {
            /** @description The pieces; every one was held against the record. */
            fields: components["schemas"]["ContentField"][];
            /** @description Whether content was kept, or only what it can be checked with. */
            kept: boolean;
            /** @description What it records. */
            kind: string;
            /**
             * Format: int64
             * @description The entry's sequence number.
             */
            seq: number;
            /** @description `user` or `agent`: whom the content is about. An outcome's is that of its decision. */
            subject?: string | null;
        };
        /** @description Content that somebody presents. */
        ContentCheck: {
            /**
             * @description The name of the piece.
             * @example arguments
             */
            field: string;
            /**
             * @description The content; JSON compact, members and numbers as they came.
             * @example {"path":"/srv/data/a.csv"}
             */
            text: string;
        };
        /** @description One piece of content. */
        ContentField: {
            /** @description What the record commits to: HMAC-SHA256 under a key of the record's own. */
            commitment: string;
            /**
             * @description `arguments`, `payload`, `context`, `metadata` or `request` of a decision, `result` of an
             *     outcome.
             */
            name: string;
            /** @description The content, byte for byte as committed to; absent when only the commitment was kept. */
            text?: string | null;
        };
        /** @description Whether presented content is what the record commits to. */
        ContentMatch: {
            /** @description Whether it is. */
            matches: boolean;
        };
        /** @description A person's answer. */
        DecideRequest: {
            /**
             * @description The `proposed_hash` that the person was shown; when the action is another one by now, the
             *     answer is refused.
             */
            action_hash?: string | null;
            /** @description With `edit`: the arguments to run with. */
            arguments?: Record<string, never> | null;
            /** @description `approve`, `deny`, or `edit`: agree to the action with other arguments. */
            decision: string;
            /**
             * @description With `edit`: the `edited_hash` of the preview that the person was shown; when the edit comes to
             *     another action, it is refused.
             */
            edited_hash?: string | null;
            /**
             * @description With `edit`, instead of `arguments`: what to change of them, as a JSON patch (RFC 6902) of
             *     `add`, `remove`, `replace` and `test`.
             */
            patch?: Record<string, never>[] | null;
            /** @description Why. */
            reason?: string | null;
            /** @description With `edit`: what is acted on, if that changes too. */
            resource?: string | null;
        };
        /** @description That a policy is gone. */
        Deleted: {
            /** @description Always true. */
            deleted: boolean;
        };
        /** @description A message and what became of it. */
        DeliveryBody: {
            /** @description The approval. */
            approval_id: string;
            /**
             * Format: int32
             * @description How often it was tried.
             */
            attempts: number;
            /** @description The channel. */
            channel: string;
            /** @description When it was made. */
            created: string;
            /** @description Why the last attempt failed. */
            error: string;
            /** @description When it is tried next. */
            next?: string | null;
            /** @description Whom it is for, or empty. */
            person: string;
            /**
             * Format: int64
             * @description Its number.
             */
            seq: number;
            /** @description `due`, `sent` or `dead`. */
            status: string;
            /** @description What happened: `approval.request`, `approval.remind`, …. */
            topic: string;
        };
        /** @description One masked place. */
        Detection: {
            /**
             * Format: double
             * @description 0..1.
             */
            confidence: number;
            /** @description Where it ends, likewise. */
            end: number;
            /** @description Where it starts in the text, in UTF-16 code units, as browsers count. */
            start: number;
            /** @description The kind. */
            type: string;
        };
        /** @description One message about one place of one file. */
        DiagnosticBody: {
            /** @description The stable code. */
            code: string;
            /**
             * Format: int32
             * @description The column in characters, from 1; 0 when it concerns the whole file.
             */
            column: number;
            /** @description The file. */
            file: string;
            /** @description What to do about it. */
            help?: string | null;
            /**
             * Format: int32
             * @description The line, from 1; 0 when it concerns the whole file.
             */
            line: number;
            /** @description What is wrong. */
            message: string;
            /** @description The same with the line and a caret. */
            rendered: string;
            /** @description `error` or `warning`. */
            severity: string;
            /**
             * Format: int32
             * @description How many characters are meant.
             */
            width: number;
        };
        /** @description A step of one run, of the other, or two that belong together and differ. */
        DiffLineBody: {
            a?: components["schemas"]["ActionBody"] | null;
            /** @description Where the arguments differ, as JSON pointers; at most 20. */
            arguments: string[];
            b?: components["schemas"]["ActionBody"] | null;
            /** @description What differs: `resource`, `arguments`, `decision`, `risk`, `outcome` or `cost`. */
            differ: string[];
            /**
             * @description Its place among all lines, from 0; between two lines whose places do not follow one another,
             *     steps are the same.
             */
            place: number;
        };
        /** @description The score of one dimension. */
        DimensionBody: {
            /**
             * Format: int32
             * @description 0..=100.
             */
            score: number;
            /** @description Where the points come from. */
            terms: components["schemas"]["TermBody"][];
        };
        /** @description What a draft would be. */
        DraftBody: {
            /** @description Whether it could be published. */
            compiles: boolean;
            /** @description Errors and warnings. */
            diagnostics: components["schemas"]["DiagnosticBody"][];
            /** @description The digest of what all policies together would compile to, hex. */
            digest?: string | null;
            /** @description The tests in the draft, run against all policies together with it. */
            tests: components["schemas"]["DraftTestBody"][];
        };
        /** @description A draft of a bundle. */
        DraftRequest: {
            /**
             * @description Its name: `team.yaml`.
             * @example team.yaml
             */
            name: string;
            /**
             * @description The text: YAML, or Cedar when the name ends in `.cedar`.
             * @example interlock: 1
             *     default: allow
             */
            text: string;
        };
        /** @description What became of one test of the draft. */
        DraftTestBody: {
            /** @description What was expected and what came. */
            message?: string | null;
            /** @description The test's name. */
            name: string;
            /** @description `file:line`. */
            origin: string;
            /** @description Whether it passed. */
            passed: boolean;
        };
        /** @description What one agent draws on a purse. */
        DrawerBody: {
            /** @description The agent. It may hold what an agent wrote. */
            agent_id: string;
            /** @description What it has used, what is in flight included. */
            used: components["schemas"]["UsedBody"];
        };
        /** @description What somebody changed of the action. */
        EditBody: {
            /** @description The arguments as JSON, masked. */
            arguments: string;
            /** @description Who. */
            editor: string;
            /** @description The change as a JSON patch, masked. */
            patch: string;
            /** @description What the action acts on now. */
            resource: string;
        };
        /** @description An entry of the record. */
        EntryBody: {
            /** @description The body. */
            body: unknown;
            /** @description What it records. */
            kind: string;
            /** @description The leaf hash, hex. */
            leaf: string;
            /** @description The link to the entry before, hex. */
            link: string;
            /**
             * Format: int64
             * @description The sequence number.
             */
            seq: number;
        };
        /** @description What an erasure did. */
        ErasureBody: {
            /** @description Whether there was anything to erase. */
            erased: boolean;
            /**
             * Format: int32
             * @description Keys destroyed.
             */
            keys: number;
            /**
             * Format: int64
             * @description Records of the vault that cannot be opened any more.
             */
            records: number;
            /**
             * Format: int64
             * @description The sequence number of the entry that records it.
             */
            seq?: number | null;
            /** @description The keyed hash by which that entry names the subject. */
            subject_hash?: string | null;
        };
        /** @description The body of every error answer. */
        ErrorBody: {
            /** @description A stable code, such as `action.field-missing`. */
            code: string;
            /** @description The field, where one is to blame. */
            field?: string | null;
            /** @description What is wrong and what to do, for a person. */
            message: string;
        };
        /** @description What to take. */
        EvidenceBody: {
            /**
             * @description Only the entries about this decision; all others are hidden. Not together with `run`.
             * @default null
             */
            action: string | null;
            /**
             * @description Entries from this time on: a day, UTC, or a time, RFC 3339; from the beginning by default.
             * @default null
             * @example 2026-01-01
             */
            from: string | null;
            /**
             * @description Only the entries of this run; all others are hidden.
             * @default null
             */
            run: string | null;
            /**
             * @description Entries before this time; to the end by default.
             * @default null
             */
            to: string | null;
        };
        /** @description An action with everything that was decided about it. */
        ExplainedBody: {
            /** @description The action. */
            action: components["schemas"]["ActionBody"];
            /** @description What the codes of findings and reasons in it mean. */
            codes: {
                [key: string]: string;
            };
            /**
             * @description The body of the decision's record: facts, readings, terms of the risk, findings, rules,
             *     reasons. It holds no content.
             */
            decision: Record<string, never>;
            /** @description The body of the outcome's record, where it is among the thousand entries after the decision. */
            outcome?: Record<string, never> | null;
            /**
             * Format: int64
             * @description The sequence number of the outcome's record.
             */
            outcome_seq?: number | null;
        };
        /** @description A finding of a threat detector. */
        FindingBody: {
            /** @description The stable code. */
            code: string;
            /**
             * Format: int32
             * @description 0..=100.
             */
            confidence: number;
            /** @description The JSON path of the text. */
            path: string;
            /** @description First byte and one past the last. */
            span: number[];
            /** @description One sentence. */
            summary: string;
            /** @description CWE, OWASP and ATLAS ids. */
            tags: string[];
            /** @description The vector. */
            vector: string;
        };
        /** @description A rule that fired. */
        FiredBody: {
            /** @description Whether it decided. */
            decided: boolean;
            /** @description The effect it asked for. */
            effect: string;
            /** @description Whether it counts as fired because it could not be evaluated. */
            errored: boolean;
            /** @description Its id. */
            id: string;
        };
        /** @description One thing that a person did about a group. */
        GroupNoteBody: {
            /** @description When. */
            at: string;
            /** @description Who. */
            by: string;
            /** @description The comment, or the new assignee. */
            text: string;
            /** @description `open`, `acknowledged`, `resolved`, `assigned` or `comment`. */
            what: string;
        };
        /** @description One alert of a group. */
        GroupedAlertBody: {
            /** @description The action. */
            action_id?: string | null;
            /** @description The agent. */
            agent_id: string;
            /** @description When it was raised. */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description The level. */
            level: string;
            /** @description What happened. It may hold what an agent wrote. */
            message: string;
            /** @description The tool, as the agent named it. */
            tool: string;
        };
        /** @description The health of the server. */
        Health: {
            /**
             * @description Since when the policies in force are not the newest, because the newest do not compile;
             *     `/api/stats` says why. Absent when they are.
             */
            policy_stale_since?: string | null;
            /** @description `ok`. */
            status: string;
            /**
             * Format: int64
             * @description Seconds since the start.
             */
            uptime_s: number;
            /** @description The version. */
            version: string;
        };
        /** @description A link with which a person sets a password and a second factor. */
        InvitationBody: {
            /** @description From when on it is worth nothing. */
            expires_at: string;
            /**
             * @description The path of the link: `/join#` and a secret. Only this answer has it. What stands after `#` is
             *     sent to no server by opening the link.
             */
            path: string;
        };
        /** @description An invitation. */
        InvitationRequest: {
            /**
             * @description 32 hexadecimal digits that whoever joins draws at random; the
             *     secret of one-time codes depends on them, so that whoever made the invitation does not know it.
             * @example 00112233445566778899aabbccddeeff
             */
            nonce: string;
            /** @description The secret of the invitation: what its link has after `#`. */
            token: string;
        };
        /** @description A user and an invitation for them. */
        InvitedBody: {
            /** @description The invitation. */
            invitation: components["schemas"]["InvitationBody"];
            /** @description The user. */
            user: components["schemas"]["UserBody"];
        };
        /** @description What a person who joins sets. */
        JoinRequest: {
            /**
             * @description The six digits that the application shows now.
             * @example 123456
             */
            code: string;
            /**
             * @description The nonce with which the invitation was looked at.
             * @example 00112233445566778899aabbccddeeff
             */
            nonce: string;
            /** @description The new password: 12 characters or more. */
            password: string;
            /** @description The secret of the invitation. */
            token: string;
        };
        /** @description Somebody who has joined. */
        JoinedBody: {
            /** @description Codes for when the application is lost; each is good once, and they are shown only now. */
            recovery_codes: string[];
            /** @description Who is signed in. */
            who: components["schemas"]["WhoamiBody"];
        };
        /** @description What is known of a key. */
        KeyBody: {
            /** @description The agent that it is bound to. */
            agent_id?: string | null;
            /** @description When it was made. */
            created_at: string;
            /** @description The environment that it is bound to. */
            environment?: string | null;
            /** @description From when on it is not accepted. */
            expires_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description The key itself; only in the answer that makes it. */
            key?: string | null;
            /** @description What it is for. */
            label: string;
            /** @description When it was last used. */
            last_used_at?: string | null;
            /** @description Until when the secret of before the last rotation is accepted as well. */
            previous_until?: string | null;
            /** @description Since when it is revoked. */
            revoked_at?: string | null;
            /** @description `agent`, `approver`, `policy_author`, `auditor` or `admin`. */
            role: string;
            /** @description The user whose key it is. */
            user_id?: string | null;
        };
        /** @description A key to make. */
        KeyRequest: {
            /** @description The agent that it is bound to; required for role `agent`. */
            agent_id?: string | null;
            /** @description The environment that it is bound to. */
            environment?: string | null;
            /**
             * Format: int64
             * @description After how many days it expires, 1 to 3650; 90 by default.
             */
            expires_days?: number | null;
            /** @description What it is for, or whose it is. */
            label?: string | null;
            /** @description `agent`, `approver`, `policy_author`, `auditor` or `admin`. */
            role: string;
            /**
             * @description The id of the user whose key it is: it counts as that person, and holds as long as the user
             *     has its role and is not disabled.
             */
            user_id?: string | null;
        };
        /** @description The kill switch. */
        KillBody: {
            /** @description Who switched it last. */
            by: string;
            /** @description Whether it is on: every action is blocked. */
            on: boolean;
            /** @description Why. */
            reason: string;
        };
        /** @description How to set it. */
        KillRequest: {
            /** @description Whether everything stops. */
            on: boolean;
            /** @description Why. */
            reason?: string | null;
        };
        /** @description A lease. */
        LeaseBody: {
            /**
             * @description A C2SP signed note of the line `interlock lease v1` and a line of JSON: tenant, nonce, what
             *     the key is bound to, number and digest of the bundle in force, how long it is good for in
             *     milliseconds, the kill switch, paused agents, the agents whose actions the server decides, and
             *     the rollbacks that wait for a client.
             */
            lease: string;
            /**
             * @description The key that signed it, in C2SP form. A client trusts one that it was given or that it met
             *     first, not this one.
             */
            vkey: string;
        };
        /** @description A text to mask. */
        MaskRequest: {
            /** @description `partial` (the default), `full` or `hash`. */
            strategy?: string | null;
            /** @description The text. */
            text: string;
        };
        /** @description The masked text. */
        MaskResponse: {
            /** @description What was found, in order. */
            detections: components["schemas"]["Detection"][];
            /** @description The text with everything found replaced. */
            masked: string;
            /** @description Whether anything was found. */
            pii_found: boolean;
        };
        /** @description A mute. It changes no decision and no response; what it silences is counted all the same. */
        MuteBody: {
            /** @description Only of this agent; empty for any. */
            agent_id: string;
            /** @description Who. */
            by: string;
            /** @description When. */
            created_at: string;
            /** @description Only of this detector; empty for any. */
            detector: string;
            /** @description When somebody ended it. */
            ended_at?: string | null;
            /** @description Who did. */
            ended_by?: string | null;
            /** @description Until when. */
            expires_at: string;
            /** @description Only groups with this fingerprint; empty for any. */
            fingerprint: string;
            /** @description Its id. */
            id: string;
            /** @description Whether it holds now. */
            live: boolean;
            /** @description Why. */
            reason: string;
            /** @description Only of this rule; empty for any. */
            rule: string;
        };
        /**
         * @description What to mute. At least one of `fingerprint`, `agent_id`, `rule` and `detector` is needed; what is
         *     given must all hold.
         */
        MuteRequest: {
            /** @description Only of this agent. */
            agent_id?: string | null;
            /** @description Only of this detector. */
            detector?: string | null;
            /**
             * @description Only groups with this fingerprint.
             * @example 0123456789abcdef0123456789abcdef
             */
            fingerprint?: string | null;
            /**
             * @description Why.
             * @example known, fixed on Monday
             */
            reason: string;
            /** @description Only of this rule. */
            rule?: string | null;
            /**
             * Format: int32
             * @description For how long, in seconds, at most 90 days.
             * @example 3600
             */
            seconds: number;
        };
        /** @description What an invitation is for. */
        OfferBody: {
            /** @description The login that the person will have. */
            login: string;
            /** @description The person's name. */
            name: string;
            /** @description The secret of one-time codes, to be typed into an authenticator application. */
            secret: string;
            /** @description The same as the address that such applications read. */
            uri: string;
        };
        /** @description Where the browser goes. */
        OidcBody: {
            /** @description The provider's page. */
            url: string;
        };
        /** @description Where to sign in. */
        OidcRequest: {
            /**
             * @description The provider's name.
             * @example sso
             */
            provider: string;
            /**
             * @description The path to go to afterwards; `/` by default.
             * @example /approvals
             */
            to?: string | null;
        };
        /** @description What became of an action. */
        OutcomeRequest: {
            /** @description Whether it was sent before and got no answer: then it is answered like the first. */
            again?: boolean | null;
            /**
             * @description What it cost, a decimal.
             * @example 0.012
             */
            cost_usd?: string | null;
            /**
             * Format: int64
             * @description How long it took.
             */
            latency_ms?: number | null;
            /** @description The result's text; it is scanned, and kept apart from the record, which commits to it. */
            result?: string | null;
            /**
             * Format: int64
             * @description Rows of the result.
             */
            rows?: number | null;
            /**
             * @description `succeeded`, `failed` or `not_run`.
             * @example succeeded
             */
            status: string;
        };
        /** @description What the detectors say of the result. */
        OutcomeResponse: {
            /** @description Findings in the result; show it to the agent as untrusted data, or not at all. */
            findings: components["schemas"]["FindingBody"][];
            /**
             * Format: int64
             * @description The sequence number of the record.
             */
            seq: number;
            /** @description Whether the session now counts as having read untrusted content. */
            tainted: boolean;
        };
        /** @description Another password. */
        PasswordRequest: {
            /** @description The one that is to hold: 12 characters or more. */
            new_password: string;
            /** @description The one that holds. */
            old_password: string;
        };
        /** @description A policy. */
        PolicyBody: {
            /** @description A glob of action types. */
            action_type?: string | null;
            /** @description When it was added. */
            created_at: string;
            /** @description The days on which it holds. */
            days_allowed: string[];
            /** @description `block`, `pause` or `allow`. */
            effect: string;
            /** @description Whether it is in force. */
            enabled: boolean;
            /** @description Its id. */
            id: string;
            /**
             * Format: double
             * @description It fires only above this risk, 0..1.
             */
            max_risk_score?: number | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description The highest decides.
             */
            priority: number;
            /** @description A glob of resources. */
            resource_pattern?: string | null;
            /**
             * Format: int64
             * @description The revision at which it last changed.
             */
            revision: number;
            /**
             * Format: int32
             * @description The hour at which it ends.
             */
            time_end?: number | null;
            /**
             * Format: int32
             * @description The first hour in which it holds.
             */
            time_start?: number | null;
        };
        /** @description Changes to a policy; what is absent stays. */
        PolicyPatch: {
            /** @description A glob of action types. */
            action_type?: string | null;
            /** @description `block`, `pause` or `allow`. */
            effect?: string | null;
            /** @description Whether it is in force. */
            enabled?: boolean | null;
            /**
             * Format: double
             * @description It fires only above this risk, 0..1.
             */
            max_risk_score?: number | null;
            /** @description Its name. */
            name?: string | null;
            /**
             * Format: int64
             * @description The highest decides.
             */
            priority?: number | null;
            /** @description A glob of resources. */
            resource_pattern?: string | null;
        };
        /** @description A policy to add. */
        PolicyRequest: {
            /** @description A glob of action types; absent: all. */
            action_type?: string | null;
            /** @description English names of the days on which it holds; absent: every day. */
            days_allowed?: string[] | null;
            /** @description `block` (the default), `pause` or `allow`. */
            effect?: string | null;
            /**
             * Format: double
             * @description It fires only above this risk, 0..1.
             */
            max_risk_score?: number | null;
            /** @description Its name for people. */
            name: string;
            /**
             * Format: int64
             * @description The highest decides.
             */
            priority?: number | null;
            /** @description A glob of resources; absent: all. */
            resource_pattern?: string | null;
            /**
             * Format: int32
             * @description The hour of the day, UTC, at which it ends.
             */
            time_end?: number | null;
            /**
             * Format: int32
             * @description The first hour of the day, UTC, in which it holds.
             */
            time_start?: number | null;
        };
        /** @description What an edit comes to. */
        PreviewBody: {
            /** @description The edited arguments as JSON, masked. */
            arguments: string;
            /**
             * @description The digest of the edited action, hex: give it as `edited_hash` with the answer, so that what was
             *     shown is what is agreed to.
             */
            edited_hash: string;
            /** @description What would be decided on it, were it asked for now. */
            effect: string;
            /** @description The change as a JSON patch, masked. */
            patch: string;
            /** @description Why. */
            reasons: string[];
            /** @description Why nobody could agree to it; absent when they can. */
            refused?: string | null;
            /** @description What the edited action acts on. */
            resource: string;
            /**
             * Format: int32
             * @description Its composite risk, 0..=100.
             */
            risk: number;
        };
        /**
         * @description An edit; either `arguments` or `patch`.
         * @example {
         *       "arguments": {
         *         "amount": 5
         *       }
         *     }
         */
        PreviewRequest: {
            /** @description The arguments to run with. */
            arguments?: Record<string, never> | null;
            /** @description What to change of them, as a JSON patch (RFC 6902) of `add`, `remove`, `replace` and `test`. */
            patch?: Record<string, never>[] | null;
            /** @description What is acted on, if that changes too. */
            resource?: string | null;
        };
        /** @description A permission profile; an absent field stays, `null` lifts the limit. */
        ProfilePatch: {
            /** @description Globs of allowed action types. */
            allowed_action_types?: string[] | null;
            /** @description Globs of allowed resources. */
            allowed_resources?: string[] | null;
            /** @description Globs of blocked resources. */
            blocked_resources?: string[] | null;
            budget_usd?: components["schemas"]["BudgetRequest"] | null;
            /**
             * Format: int32
             * @description Most allowed actions in a minute.
             */
            max_actions_per_minute?: number | null;
            /**
             * Format: double
             * @description The highest risk, 0..1.
             */
            max_risk_score?: number | null;
        };
        /** @description A proof that an entry is in the log. */
        ProofBody: {
            /** @description The entry's leaf hash, hex. */
            leaf: string;
            /** @description The proof in C2SP tlog-proof@v1 form, with the checkpoint; checkable offline. */
            proof: string;
        };
        /** @description A bundle to publish. */
        PublishRequest: {
            /**
             * Format: int64
             * @description The revision that it was made from; a conflict when another one is in force.
             */
            expected_revision?: number | null;
            /**
             * @description Its name: `team.yaml`.
             * @example team.yaml
             */
            name: string;
            /**
             * Format: int64
             * @description Instead of a text: publish again the text that the bundle had at this revision.
             */
            revert_to?: number | null;
            /**
             * @description The text: YAML, or Cedar when the name ends in `.cedar`.
             * @example interlock: 1
             *     default: allow
             */
            text?: string | null;
        };
        /** @description What the tenant, one key or one agent has used of a budget in the period. */
        PurseBody: {
            /** @description What all other agents draw. */
            others: components["schemas"]["UsedBody"];
            /**
             * Format: int64
             * @description What is used of the limit, in percent, rounded down: of money or calls, whichever is more.
             */
            percent: number;
            /** @description When it renews. */
            renews_at: string;
            /** @description What is in flight, by its estimate. */
            reserved: components["schemas"]["UsedBody"];
            /** @description What is settled. */
            settled: components["schemas"]["UsedBody"];
            /** @description When the period began. */
            since: string;
            /** @description `tenant`, `key:…` or `agent:…`. It may hold what an agent wrote. */
            subject: string;
            /** @description The agents that draw most, at most ten; none where the subject is an agent. */
            top: components["schemas"]["DrawerBody"][];
        };
        /** @description A reason: the first one decided. */
        ReasonBody: {
            /** @description The stable code. */
            code: string;
            /** @description The sentence for the operator. */
            message: string;
        };
        /** @description Where the record of the decision stands. */
        RecordBody: {
            /** @description The leaf hash, hex. */
            leaf: string;
            /**
             * Format: int64
             * @description The sequence number in the tenant's log.
             */
            seq: number;
        };
        /** @description Records of one client's log. */
        RecordsRequest: {
            /** @description The key of the client's log in C2SP form: what its records can be checked against. */
            log: string;
            /** @description The records, in their order. */
            records: components["schemas"]["SentRecordBody"][];
        };
        /** @description What became of the records. */
        RecordsResponse: {
            /**
             * Format: int64
             * @description Of those, how many were there before.
             */
            known: number;
            /**
             * @description A C2SP signed note, by the key that signs bundles, of the line `interlock receipt v1` and the
             *     SHA-256 of the request's body in hex.
             */
            receipt: string;
            /** @description Those that are not taken; sending them again changes nothing. */
            refused: components["schemas"]["RefusedBody"][];
            /**
             * Format: int64
             * @description How many are in the record now, those included that were there before.
             */
            taken: number;
        };
        /** @description A record that is not taken. */
        RefusedBody: {
            /** @description Why. */
            message: string;
            /**
             * Format: int64
             * @description Its number in the client's log.
             */
            seq: number;
        };
        /** @description An agent to register. */
        RegisterRequest: {
            /** @description Its id; the name when absent. */
            agent_id?: string | null;
            /** @description Its name for people. */
            name: string;
        };
        /** @description What the log of an action answers. */
        Reported: {
            /** @description The action's id. */
            action_id: string;
            /** @description What a check would have decided: `allow`, `pause` or `block`. */
            decision: string;
            /** @description Why. */
            flag_reason?: string | null;
            /** @description Whether somebody should look at it. */
            flagged: boolean;
            /** @description Always true: it is in the record. */
            logged: boolean;
            /** @description The risk with its terms. */
            risk: components["schemas"]["RiskBody"];
            /** @description The published five dimensions and the blast radius, 0..1. */
            risk_breakdown: {
                [key: string]: number;
            };
            /**
             * Format: double
             * @description The risk, 0..1.
             */
            risk_score: number;
        };
        /** @description What a reset is for. */
        ResetRequest: {
            /**
             * @description Whether the person's next sign-in at a provider, under the login as confirmed address, takes the
             *     invitation up. Else it is good by its link only. A user whose provider's groups say what they may
             *     do needs it: such a user sets no password.
             */
            at_provider?: boolean;
        };
        /** @description What a person found out. */
        ResolveRequest: {
            /** @description Whether the effect of the action is there. */
            happened: boolean;
        };
        /** @description An automatic response and what came of it. */
        ResponseBody: {
            /** @description `alert`, `pause` or `rollback`. */
            action: string;
            /** @description The agent that it is about. */
            agent_id: string;
            /** @description Alerts that set it off, the newest first; at most 20. */
            alerts: string[];
            /** @description When. */
            at: string;
            /** @description Whether it was not carried out because too many agents were stopped within the hour. */
            capped: boolean;
            /** @description Whether it only said what it would do. */
            dry_run: boolean;
            /** @description When it ended. */
            ended_at?: string | null;
            /** @description Its id; a rollback that it ordered has the same. */
            id: string;
            /**
             * Format: int32
             * @description Steps to undo.
             */
            last: number;
            /** @description What was done, or why not. */
            message: string;
            /** @description `under-way`, `done`, `dry-run`, `capped` or `failed`. */
            result: string;
            /** @description The rule. */
            rule: string;
            /**
             * Format: int64
             * @description The sequence number of its record.
             */
            seq: number;
            /** @description What was counted: `agent:…`, `tool:…` or `detector:…`. It may hold what an agent wrote. */
            subject: string;
        };
        /** @description When something is done by itself, and what. */
        ResponseRuleBody: {
            /**
             * @description `alert` tells people, `pause` also pauses the agent of the last alert, `rollback` also undoes
             *     its last steps.
             * @example pause
             */
            action: string;
            /** @description Only alerts of agents that match; `*` stands for any characters. */
            agent?: string | null;
            /**
             * Format: int32
             * @description How long it does not answer to the same subject again, in seconds; an hour when absent.
             * @example 3600
             */
            cool_down_s?: number;
            /**
             * Format: int32
             * @description How many.
             * @example 3
             */
            count: number;
            /** @description Only alerts of this detector. */
            detector?: string | null;
            /** @description Whether it only says what it would do. */
            dry_run?: boolean;
            /** @description Whether it is in force; it is when absent. */
            enabled?: boolean;
            /**
             * @description Its name.
             * @example runaway
             */
            id: string;
            /**
             * Format: int32
             * @description Steps that a rollback undoes; for a rollback only.
             */
            last?: number;
            /**
             * @description The level from which an alert counts.
             * @example high
             */
            level: string;
            /** @description Groups of people that are told. */
            notify?: string[];
            /**
             * @description Whose alerts are counted together: those of one `agent`, with one `tool`, or of one
             *     `detector`.
             * @example agent
             */
            scope: string;
            /**
             * Format: int32
             * @description Within how many seconds.
             * @example 300
             */
            window_s: number;
        };
        /** @description The rules of automatic responses. */
        ResponseRulesBody: {
            /**
             * Format: int32
             * @description Agents that responses may stop within an hour; past that they only tell. 10 when absent.
             */
            agents_per_hour?: number;
            /** @description The rules. */
            rules: components["schemas"]["ResponseRuleBody"][];
            /**
             * Format: int64
             * @description The version that was seen; it goes up with each change.
             * @example 0
             */
            version: number;
        };
        /**
         * @description An approval with its context. Everything in it that an agent wrote is to be shown as hostile
         *     text.
         */
        ReviewBody: components["schemas"]["ApprovalBody"] & {
            /** @description What an approval would allow. */
            allows: string;
            /** @description The three steps before, the last first. */
            before: components["schemas"]["StepBody"][];
            /**
             * Format: int64
             * @description Entries of the record that are not in lists yet, after a start that found many: steps before, and
             *     `seq`, may be missing until it is 0.
             */
            behind: number;
            edit?: components["schemas"]["EditBody"] | null;
            /** @description The groups that are asked by now. */
            groups: string[];
            /**
             * Format: int64
             * @description The sequence number of the decision that asks; its contents are read in clear under it, by
             *     an auditor.
             */
            seq?: number | null;
        };
        /** @description One revision of a bundle that was published. */
        RevisionBody: {
            /** @description Who published it. */
            author: string;
            /** @description When. */
            created_at: string;
            /** @description The bundle. */
            name: string;
            /**
             * Format: int64
             * @description The revision; give it as `revert_to` to publish its text again.
             */
            revision: number;
        };
        /** @description The risk, 0..=100. */
        RiskBody: {
            /**
             * Format: int32
             * @description The weighted composite with its floor.
             */
            composite: number;
            /** @description The seven dimensions. */
            dimensions: {
                [key: string]: components["schemas"]["DimensionBody"];
            };
            /** @description The dimension whose critical mark lifted the composite. */
            floor?: string | null;
        };
        /** @description A rollback and how far it has come. */
        RollbackBody: {
            /** @description The agent whose steps are undone; it is paused. */
            agent_id: string;
            /** @description When. */
            at: string;
            /** @description Who ordered it. */
            by: string;
            /** @description The log of the client that took it. */
            claimed_by?: string | null;
            /** @description When it ended. */
            ended_at?: string | null;
            /** @description Until when a client may take it. */
            expires_at: string;
            /** @description Its id. */
            id: string;
            /**
             * Format: int32
             * @description Steps of which not everything could be undone.
             */
            irreversible?: number | null;
            /**
             * Format: int32
             * @description How many steps, the newest first.
             */
            last: number;
            /** @description Why it ended early. */
            message?: string | null;
            /** @description Why. */
            reason: string;
            /**
             * @description `ordered`, `claimed`, `done`, `stopped`, `failed`, `canceled` or `expired`.
             * @example ordered
             */
            state: string;
            /**
             * Format: int32
             * @description Steps that are undone.
             */
            undone?: number | null;
        };
        /** @description What is to be undone. */
        RollbackRequest: {
            /**
             * Format: int32
             * @description How many of the agent's steps, the newest first.
             */
            last: number;
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int32
             * @description How long it may wait for a client, in seconds; a day when absent.
             */
            wait_s?: number | null;
        };
        /** @description What came of a rollback. */
        RollbackResultRequest: {
            /**
             * Format: int32
             * @description Steps of which not everything could be undone.
             * @example 0
             */
            irreversible: number;
            /**
             * @description The key of the client's log in C2SP form.
             * @example interlock/client+9f86d081+AQ
             */
            log: string;
            /** @description Why it ended early. */
            message?: string | null;
            /**
             * @description `done`, `stopped` or `failed`.
             * @example done
             */
            state: string;
            /**
             * Format: int32
             * @description Steps that are undone.
             * @example 3
             */
            undone: number;
        };
        /** @description How to rotate a key. */
        RotateRequest: {
            /**
             * Format: int64
             * @description After how many days the key expires, 1 to 3650; 90 by default.
             */
            expires_days?: number | null;
            /**
             * Format: int64
             * @description For how many hours the old secret is accepted beside the new one, 0 to 168; 24 by default.
             */
            grace_hours?: number | null;
        };
        /** @description A proposal; nothing is stored or put in force. */
        RuleBody: {
            /** @description What it would be, with everything else that is in force. */
            draft: components["schemas"]["DraftBody"];
            /** @description The name for the bundle. */
            name: string;
            /** @description What a person should know of it. */
            notes: string[];
            /** @description The rule's id. */
            rule: string;
            /** @description Whether the text has a test that reproduces the action, and it passes. */
            tested: boolean;
            /** @description The bundle's text: the rule and its test. */
            text: string;
        };
        /** @description What the rule is to do. */
        RuleRequest: {
            /**
             * @description `block`, `require_approval` or `allow`.
             * @example require_approval
             */
            effect: string;
            /**
             * @description `exact`: this agent, tool and resource. `target`: this tool on the same host, table or
             *     directory. `tool`: this tool doing the same kind of thing. `target` when absent.
             * @example target
             */
            strength?: string | null;
        };
        /** @description The actions of one run together. */
        RunBody: {
            /**
             * Format: int64
             * @description Actions.
             */
            actions: number;
            /** @description The agent of its first action. */
            agent_id: string;
            /**
             * Format: int64
             * @description How many agents acted in it.
             */
            agents: number;
            /**
             * Format: int64
             * @description Actions blocked.
             */
            blocked: number;
            /**
             * Format: int64
             * @description The sequence number of its first action.
             */
            first_seq: number;
            /**
             * Format: int64
             * @description Actions that somebody should look at.
             */
            flagged: number;
            /**
             * Format: int64
             * @description Actions that waited for a person.
             */
            held: number;
            /** @description When its last one was. */
            last_at: string;
            /**
             * Format: int64
             * @description That of its last; give it as `before` for the next page.
             */
            last_seq: number;
            /**
             * Format: int32
             * @description The highest composite risk, 0..=100.
             */
            risk_max: number;
            /** @description The run; `GET /api/actions?run_id=` has its actions. */
            run_id: string;
            /** @description When its first action was decided. */
            started_at: string;
        };
        /** @description What differs between two runs. */
        RunDiffBody: {
            /** @description The first run. */
            a: components["schemas"]["RunSumsBody"];
            /** @description The second run. */
            b: components["schemas"]["RunSumsBody"];
            /**
             * @description Whether as many steps are paired as can be; runs with very little in common are paired more
             *     simply.
             */
            exact: boolean;
            /** @description What is not the same, at most 500 lines. */
            lines: components["schemas"]["DiffLineBody"][];
            /** @description The place to give as `from` for the lines that follow. */
            next?: number | null;
            /** @description Steps that are the same in both. */
            same: number;
            /** @description Lines in all, the same ones included. */
            total: number;
        };
        /** @description Sums over the steps of a run. */
        RunSumsBody: {
            /** @description Steps blocked. */
            blocked: number;
            /** @description What they cost together, a decimal of US dollars. */
            cost_usd: string;
            /**
             * Format: int64
             * @description How long they ran together.
             */
            latency_ms: number;
            /** @description The run. */
            run_id: string;
            /** @description Steps. */
            steps: number;
        };
        /** @description One record of a client's log. */
        SentRecordBody: {
            /** @description Its stored bytes: this record commits to their leaf hash. */
            body: string;
            /**
             * @description What it records: `decision` or `outcome`.
             * @example decision
             */
            kind: string;
            /**
             * Format: int64
             * @description Its number in the client's log.
             */
            seq: number;
        };
        /** @description A temporary rule. */
        SessionApprovalBody: {
            /** @description The type of the actions. */
            action_type: string;
            /** @description The agent that may use it. */
            agent_id: string;
            /** @description The approval that it was made from. */
            approval_id: string;
            /**
             * @description What each argument must be: `same` as it was (a digest), `any`, `min` and `max`, `glob`, or
             *     `one_of`.
             */
            arguments: Record<string, never>;
            /** @description What they cost so far by their estimates, in US dollars. */
            cost_usd: string;
            /** @description What the actions may cost together, in US dollars. */
            cost_usd_max?: string | null;
            /** @description When. */
            created: string;
            /** @description Until when. */
            expires: string;
            /** @description Who agreed. */
            granted_by: string;
            /** @description Its id. */
            id: string;
            /** @description Whether it covers anything now. */
            live: boolean;
            /** @description Why. */
            reason: string;
            /** @description The pattern over the resource. */
            resource: string;
            /** @description When it was taken back. */
            revoked?: string | null;
            /** @description Who took it back. */
            revoked_by?: string | null;
            /**
             * Format: int32
             * @description The highest composite risk that it covers.
             */
            risk_max: number;
            /** @description What asks for approval and is answered by it. */
            rules: string[];
            /** @description The run within which it holds, or empty. */
            run_id: string;
            /** @description The session within which it holds, or empty. */
            session_id: string;
            /** @description The tool. */
            tool: string;
            /**
             * Format: int32
             * @description How often it was used.
             */
            uses: number;
            /**
             * Format: int32
             * @description How often it may be used.
             */
            uses_max: number;
        };
        /** @description What a person agrees to beyond one action. */
        SessionApprovalRequest: {
            /** @description The approval that asks for an action like those, pending or approved. */
            approval_id: string;
            /** @description What the arguments must be; one that is not named must be as it was. */
            arguments?: {
                [key: string]: components["schemas"]["ArgumentConstraint"];
            } | null;
            /**
             * @description What the actions may cost together by their estimates, in US dollars.
             * @example 25.00
             */
            cost_usd?: string | null;
            /**
             * Format: int32
             * @description For how many minutes; 60 by default.
             */
            minutes?: number | null;
            /** @description Why. */
            reason?: string | null;
            /** @description A pattern over the resource; as it was, when there is none. */
            resource?: string | null;
            /**
             * Format: int32
             * @description How often; 20 by default.
             */
            uses?: number | null;
            /** @description `run` or `session`; `run` by default. */
            within?: string | null;
        };
        /** @description A session. */
        SessionBody: {
            /** @description From which address; a proxy's, when one is in between. */
            address: string;
            /** @description The browser as it names itself. */
            agent: string;
            /** @description Since when. */
            created_at: string;
            /** @description Whether it is the one that asks. */
            current: boolean;
            /** @description When it ends at the latest. */
            expires_at: string;
            /** @description Its id. */
            id: string;
            /** @description How the person signed in: `password`, `recovery` (with a recovery code), `invitation` or `oidc`. */
            method: string;
            /** @description When it was last used, to the minute. */
            seen_at: string;
        };
        /** @description A provider at which people may sign in. */
        SignInProviderBody: {
            /** @description What the button says. */
            label: string;
            /** @description Its name, to begin with. */
            name: string;
        };
        /** @description Who signs in. */
        SignInRequest: {
            /**
             * @description The six digits that the authenticator application shows, or a recovery code.
             * @example 123456
             */
            code: string;
            /**
             * @description The login.
             * @example ana@example.com
             */
            login: string;
            /** @description The password. */
            password: string;
        };
        /** @description How a sink of the server's configuration is doing. */
        SinkBody: {
            /**
             * Format: int64
             * @description Events that the receiver took.
             */
            delivered: number;
            /** @description When the receiver last took something. */
            delivered_at?: string | null;
            /**
             * @description What kind of receiver it is: `file`, `syslog-tls`, `syslog-tcp`, `syslog-udp`, `hec`,
             *     `webhook`, `otlp`.
             */
            destination: string;
            /** @description When it failed. */
            failed_at?: string | null;
            /**
             * Format: int32
             * @description Attempts in a row that failed.
             */
            failures: number;
            /** @description The form of its events. */
            format: string;
            /**
             * Format: int64
             * @description Entries of the record that it has not come to yet, of all tenants.
             */
            lag_entries: number;
            /** @description Why the last failed attempt failed. */
            last_error?: string | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: int64
             * @description Events that it will never take.
             */
            rejected: number;
            /** @description When the oldest of them was written, where that is known. */
            waiting_since?: string | null;
        };
        /** @description One file of a bundle. */
        SourceBody: {
            /** @description `organisation`, `team` or `agent`; null when the file says so itself. */
            layer?: string | null;
            /** @description Its name. */
            name: string;
            /** @description Its text. */
            text: string;
        };
        /** @description Sums over a tenant. */
        StatsBody: {
            /**
             * Format: int64
             * @description Agents known.
             */
            agents: number;
            /**
             * Format: int64
             * @description Agents paused.
             */
            agents_paused: number;
            /**
             * Format: int64
             * @description Alerts that nobody has acknowledged.
             */
            alerts_open: number;
            /**
             * Format: int64
             * @description Approvals that wait for people.
             */
            approvals_pending: number;
            /**
             * Format: double
             * @description The mean risk, 0..1.
             */
            avg_risk_score: number;
            /**
             * Format: int64
             * @description Entries of the record that the sums over actions and alerts do not have yet, after a start that
             *     found many; 0 otherwise.
             */
            behind: number;
            /**
             * Format: int64
             * @description Actions blocked.
             */
            blocked_actions: number;
            /**
             * Format: int64
             * @description Microseconds within which half of the decisions of this server, of every tenant, were taken since
             *     it started: the upper bound of a class. Absent without decisions, and beyond the largest class.
             */
            decide_p50_us?: number | null;
            /**
             * Format: int64
             * @description The same of 99 in 100.
             */
            decide_p99_us?: number | null;
            /**
             * Format: int64
             * @description Actions flagged.
             */
            flagged_actions: number;
            /**
             * Format: int64
             * @description Actions that waited for a person.
             */
            held_actions: number;
            /**
             * Format: int64
             * @description Policies in force.
             */
            policies_enabled: number;
            /** @description What is wrong with the newest policies, with file, line and caret. */
            policy_problem?: string | null;
            /** @description Since when the policies in force are not the newest; absent when they are. */
            policy_stale_since?: string | null;
            /**
             * Format: int64
             * @description Actions decided.
             */
            total_actions: number;
        };
        /** @description A step that the same run or session took before. */
        StepBody: {
            /** @description The type. */
            action_type: string;
            /** @description When. */
            at: string;
            /** @description What was decided. */
            effect: string;
            /** @description The decision. */
            id: string;
            /** @description How it ended, if that is known. */
            outcome?: string | null;
            /** @description The resource. */
            resource: string;
            /**
             * Format: int32
             * @description The composite risk, 0..=100.
             */
            risk: number;
            /**
             * Format: int64
             * @description The sequence number of its record.
             */
            seq: number;
            /** @description The tool. */
            tool: string;
        };
        /** @description One term of a dimension. */
        TermBody: {
            /** @description The stable code. */
            code: string;
            /**
             * Format: int32
             * @description Points added, or taken off.
             */
            points: number;
            /** @description What it means. */
            text: string;
            /**
             * Format: int64
             * @description The value that caused it.
             */
            value?: number | null;
        };
        /** @description That a tool may not be used. */
        ToolStopBody: {
            /** @description Only for this agent; empty for all. */
            agent_id: string;
            /** @description Who. */
            by: string;
            /** @description When. */
            created_at: string;
            /** @description When somebody ended it. */
            ended_at?: string | null;
            /** @description Who did. */
            ended_by?: string | null;
            /** @description Until when; until somebody ends it when absent. */
            expires_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description Whether it holds now. */
            live: boolean;
            /** @description Why. */
            reason: string;
            /** @description The tool or type of action; with a `*` at its end all that begin so. */
            tool: string;
        };
        /** @description What to stop. */
        ToolStopRequest: {
            /** @description Only for this agent. */
            agent_id?: string | null;
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int32
             * @description For how long, in seconds; until somebody ends it when absent.
             */
            seconds?: number | null;
            /**
             * @description The tool or type of action, in any case of its letters; with a `*` at its end all that begin
             *     so.
             * @example send_email
             */
            tool: string;
        };
        /** @description Money and calls. */
        UsedBody: {
            /**
             * Format: int64
             * @description Calls.
             */
            calls: number;
            /**
             * @description US dollars, a decimal text.
             * @example 12.5
             */
            usd: string;
        };
        /** @description A person who may sign in. */
        UserBody: {
            /** @description When the user was made. */
            created_at: string;
            /** @description Since when the person may not sign in. */
            disabled_at?: string | null;
            /** @description Whether password and second factor are set. */
            enrolled: boolean;
            /** @description The groups that policies ask to which the person belongs. */
            groups: string[];
            /** @description The id. */
            id: string;
            /** @description The provider at which the person signs in, if it is not here. */
            issuer?: string | null;
            /** @description When the person last signed in. */
            last_login_at?: string | null;
            /** @description The name to sign in with. */
            login: string;
            /** @description Whether the groups at the provider say what the person may do. */
            mapped: boolean;
            /** @description The name as people write it. */
            name: string;
            /** @description `approver`, `policy_author`, `auditor` or `admin`. */
            role: string;
        };
        /** @description A user to make. */
        UserRequest: {
            /** @description The groups that policies ask to which the person belongs. */
            groups?: string[] | null;
            /**
             * @description The name to sign in with, unique on the server: lower-case letters, digits and any of `._-+@`.
             *     Answers to approvals count under it, or under the person whom the file of people knows by it.
             * @example ana@example.com
             */
            login: string;
            /** @description The name as people write it; the login by default. */
            name?: string | null;
            /** @description `approver`, `policy_author`, `auditor` or `admin`. */
            role: string;
        };
        /** @description What to change of a user; what is absent stays. */
        UserUpdate: {
            /** @description Whether the person may not sign in any more. */
            disabled?: boolean | null;
            /** @description The groups. */
            groups?: string[] | null;
            /** @description The name as people write it. */
            name?: string | null;
            /** @description `approver`, `policy_author`, `auditor` or `admin`. */
            role?: string | null;
        };
        /** @description One person's answer. */
        VoteBody: {
            /** @description Who. */
            approver: string;
            /** @description Whether they agreed. */
            approves: boolean;
            /** @description When. */
            at: string;
            /** @description Why, in their words. */
            reason: string;
        };
        /** @description A replay and how far it is. */
        WhatIfBody: {
            /**
             * Format: int64
             * @description Actions decided anew so far.
             */
            actions: number;
            /** @description When. */
            at: string;
            /** @description Who asked. */
            by: string;
            /**
             * Format: int64
             * @description Entries of the record read.
             */
            entries: number;
            /**
             * Format: int64
             * @description Entries of the record there are.
             */
            entries_total: number;
            /** @description Its id. */
            id: string;
            /** @description Why it failed. */
            message?: string | null;
            report?: components["schemas"]["WhatIfReportBody"] | null;
            /**
             * @description `running`, `done`, `cancelled` or `failed`.
             * @example running
             */
            state: string;
        };
        /** @description Decisions that change alike. */
        WhatIfFlip: {
            /** @description The agent. */
            agent_id: string;
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description What was decided. */
            from: string;
            /** @description The rule that makes the difference: it decides now, or no longer does. */
            rule: string;
            /** @description The first of them. */
            samples: components["schemas"]["WhatIfSample"][];
            /** @description What the draft decides. */
            to: string;
            /** @description The tool. */
            tool: string;
        };
        /** @description A number of actions and the first of them. */
        WhatIfGroup: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The first. */
            samples: components["schemas"]["WhatIfSample"][];
        };
        /** @description How often one effect became another. */
        WhatIfPair: {
            /**
             * Format: int64
             * @description How often.
             */
            count: number;
            /** @description What was decided. */
            from: string;
            /** @description What the draft decides. */
            to: string;
        };
        /** @description What came of it. */
        WhatIfReportBody: {
            /**
             * Format: int64
             * @description Recorded actions in the range.
             */
            actions: number;
            /** @description Blocked although a person had approved: likely false alarms. */
            approved_blocked: components["schemas"]["WhatIfGroup"];
            /** @description Running although policy had blocked. */
            blocked_runs: components["schemas"]["WhatIfGroup"];
            /** @description Running although a person had denied: likely misses. */
            denied_runs: components["schemas"]["WhatIfGroup"];
            /** @description What changes, most first. */
            flips: components["schemas"]["WhatIfFlip"][];
            /**
             * Format: int64
             * @description Changes that are counted but not listed.
             */
            flips_further: number;
            /**
             * Format: int64
             * @description Those decided more mildly.
             */
            milder: number;
            /**
             * Format: int64
             * @description Those that could not be re-evaluated.
             */
            not_evaluated: number;
            /** @description How often each effect became another. */
            pairs: components["schemas"]["WhatIfPair"][];
            /** @description The work of people. */
            reviewers: components["schemas"]["WhatIfReviewers"];
            /**
             * Format: int64
             * @description Those decided the same.
             */
            same: number;
            /**
             * Format: int64
             * @description Re-evaluated ones of which a finding no longer counts while the scores are those with it.
             */
            scores_as_recorded: number;
            /**
             * Format: int64
             * @description Those decided more strictly.
             */
            stricter: number;
            /** @description What could not be re-evaluated, most first. */
            unevaluated: components["schemas"]["WhatIfUnevaluated"][];
            /**
             * Format: int64
             * @description Reasons that are counted but not listed.
             */
            unevaluated_further: number;
        };
        /** @description A draft, and the recorded actions that it decides anew. */
        WhatIfRequest: {
            /** @description Only the actions of this agent. */
            agent?: string | null;
            /**
             * @description The bundle that is drafted: `team.yaml`. It takes the place of the one of its name; every
             *     other policy of the tenant stays.
             * @example team.yaml
             */
            name: string;
            /**
             * Format: int64
             * @description Instead of a text: the text that the bundle had at this revision.
             */
            revision?: number | null;
            /** @description Only the actions of this run. */
            run?: string | null;
            /**
             * Format: date-time
             * @description Only actions decided at or after this time, RFC 3339.
             */
            since?: string | null;
            /**
             * @description The draft's text: YAML, or Cedar when the name ends in `.cedar`.
             * @example interlock: 1
             *     default: allow
             */
            text?: string | null;
            /**
             * Format: date-time
             * @description Only actions decided before this time, RFC 3339.
             */
            until?: string | null;
            /**
             * Format: int64
             * @description How long the answer may wait for the end, in milliseconds, 0 to 10,000; 1,000 when absent.
             */
            wait_ms?: number | null;
        };
        /** @description The work of people under the draft. */
        WhatIfReviewers: {
            /**
             * Format: int64
             * @description Actions that waited for a person and would not.
             */
            asks_less: number;
            /**
             * Format: int64
             * @description Actions that would wait for a person and did not.
             */
            asks_more: number;
            /** @description There are more approvals than were looked at. */
            cut: boolean;
            /**
             * Format: int64
             * @description From how many answers; with none, `seconds_each` is an assumption.
             */
            measured: number;
            /**
             * Format: double
             * @description Minutes that it saves.
             */
            minutes_less: number;
            /**
             * Format: double
             * @description Minutes of people that the draft costs: the former times the seconds of one.
             */
            minutes_more: number;
            /**
             * Format: int64
             * @description Seconds from a question to a person's answer: the median of those recorded.
             */
            seconds_each: number;
        };
        /** @description A recorded action. */
        WhatIfSample: {
            /** @description What kind of action. */
            action_type: string;
            /** @description The agent. */
            agent_id: string;
            /** @description When it was decided. */
            at: string;
            /** @description What was decided. */
            from: string;
            /** @description The decision's id; `GET /api/actions/{id}` explains it. Empty when the record is not readable. */
            id: string;
            /** @description What it was about, as asked. */
            resource: string;
            /** @description The rule that makes the difference; empty without one. */
            rule: string;
            /** @description The run; empty without one. */
            run_id: string;
            /**
             * Format: int64
             * @description Its place in the record.
             */
            seq: number;
            /** @description What the draft decides; null when that is not known. */
            to?: string | null;
            /** @description The tool. */
            tool: string;
        };
        /** @description Actions that could not be re-evaluated for one reason. */
        WhatIfUnevaluated: {
            /** @description The stable name of the reason. */
            code: string;
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /** @description The reason for people. */
            meaning: string;
            /** @description The first of them. */
            samples: components["schemas"]["WhatIfSample"][];
            /** @description Which argument, rule, detector or fact; empty where the reason says it all. */
            what: string;
        };
        /** @description What a key is good for. */
        WhoamiBody: {
            /** @description The agent that the key is bound to. */
            agent_id?: string | null;
            /** @description The environment that the key is bound to. */
            environment?: string | null;
            /** @description The id of the key or of the session; neither is ever shown itself. */
            key_id: string;
            /** @description What it may do: `check`, `read`, `audit`, `decide`, `edit_policies`, `administer`. */
            may: string[];
            /** @description `agent`, `approver`, `policy_author`, `auditor` or `admin`. */
            role: string;
            /** @description Whether it is a session, not a key. */
            session: boolean;
            /** @description The name by which answers to approvals are counted: the user's, else the key's label or id. */
            subject: string;
            /** @description The tenant. */
            tenant: string;
            /** @description The user who signed in, or whose key it is. */
            user_id?: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_actions: {
        parameters: {
            query?: {
                /** @description How many, 1 to 1000; 50 by default. */
                limit?: number;
                /** @description Only of this agent. */
                agent_id?: string;
                /** @description Only of this session. */
                session_id?: string;
                /** @description Only of this run. */
                run_id?: string;
                /** @description Only of this type. */
                action_type?: string;
                /** @description Only flagged ones, or only those not flagged. */
                flagged?: boolean;
                /** @description Only those recorded before this sequence number. */
                before?: number;
                /**
                 * @description Only those that a filter lets through: `agent:billing* decision:block risk:>70 since:24h`.
                 *     One request searches for a quarter of a second at most; `interlock-searched-to` says how far
                 *     it came, and `interlock-next` where to go on.
                 * @example decision:block risk:>70
                 */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The actions */
            200: {
                headers: {
                    /** @description How many recorded entries the list does not know yet, while they are added after a start */
                    "interlock-behind"?: number;
                    /** @description Where the next page begins; give it as `before` */
                    "interlock-next"?: string;
                    /** @description How far was looked, when the time of one request was over before the page was full */
                    "interlock-searched-to"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActionBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    report_action: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CheckRequest"];
            };
        };
        responses: {
            /** @description It is in the record */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reported"];
                };
            };
            /** @description The action is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key is bound to another agent */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The named approval does not exist */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The idempotency key was used for another action */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_action: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The decision's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The action */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplainedBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such action */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    report_outcome: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The decision's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OutcomeRequest"];
            };
        };
        responses: {
            /** @description It is in the record */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OutcomeResponse"];
                };
            };
            /** @description The outcome is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not report */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such decision waits for an outcome */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It was reported already */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    propose_rule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The decision's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RuleRequest"];
            };
        };
        responses: {
            /** @description The proposal */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RuleBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such action */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Nothing tells this action from others */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description That content was read cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_agents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The agents */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    register_agent: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterRequest"];
            };
        };
        responses: {
            /** @description It is registered */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is one with that id */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    update_agent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentPatch"];
            };
        };
        responses: {
            /** @description It is changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such agent */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_profile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's id; it is registered if it is not known */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProfilePatch"];
            };
        };
        responses: {
            /** @description The agent with its profile */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    order_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's id; it is registered if it is not known */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RollbackRequest"];
            };
        };
        responses: {
            /** @description It is ordered, and the agent is paused */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Another rollback of the agent waits, or too many do */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_alert_groups: {
        parameters: {
            query?: {
                /** @description Only those that are `open`, `acknowledged` or `resolved`. */
                state?: string;
                /** @description Only muted ones, or only those that are not. */
                muted?: boolean;
                /** @description Only of this agent. */
                agent_id?: string;
                /** @description Only of this rule. */
                rule?: string;
                /** @description Only those in which this detector found something. */
                detector?: string;
                /** @description Only those that this person looks after. */
                assignee?: string;
                /** @description Only of this level or worse. */
                level?: string;
                /**
                 * @description Only those after this one in the list: `last_seq` and `id` of the last one of a page, joined
                 *     by a dot.
                 */
                before?: string;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
                /**
                 * @description Only those that a filter lets through: `detector:pii level:high,critical count:>5 since:24h`.
                 *     One request searches for a quarter of a second at most; `interlock-searched-to` says how far
                 *     it came, and `interlock-next` where to go on.
                 * @example level:high,critical
                 */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The groups */
            200: {
                headers: {
                    /** @description How many recorded entries the list does not know yet, while they are added after a start */
                    "interlock-behind"?: number;
                    /** @description Where the next page begins; give it as `before` */
                    "interlock-next"?: string;
                    /** @description How far was looked, when the time of one request was over before the page was full */
                    "interlock-searched-to"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertGroupBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_alert_group: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The group's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The group */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertGroupDetail"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such group */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    update_alert_group: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The group's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertGroupChange"];
            };
        };
        responses: {
            /** @description The group as it is now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertGroupBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such group */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Somebody else has changed it */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_alerts: {
        parameters: {
            query?: {
                /** @description Only acknowledged ones, or only open ones. */
                acknowledged?: boolean;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
                /**
                 * @description Only those that a filter lets through: `level:high,critical agent:billing* since:24h`.
                 * @example level:high,critical
                 */
                q?: string;
                /** @description Only those after the page before: what its header `interlock-next` said. */
                before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The alerts */
            200: {
                headers: {
                    /** @description How many recorded entries the list does not know yet, while they are added after a start */
                    "interlock-behind"?: number;
                    /** @description Where the next page begins; give it as `before` */
                    "interlock-next"?: string;
                    /** @description How far was looked, when the time of one request was over before the page was full */
                    "interlock-searched-to"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    acknowledge_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The alert's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is acknowledged */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not acknowledge */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such alert */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_approvals: {
        parameters: {
            query?: {
                /** @description Only those in this state; `pending` by default, `all` for all. */
                state?: string;
                /** @description Only those of this agent. */
                agent_id?: string;
                /** @description The newest first, instead of what waits longest. */
                newest?: boolean;
                /**
                 * @description Only those that follow the one with this `cursor`, in the same order: what the header
                 *     `interlock-next` of the page before said.
                 */
                after?: string;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
                /**
                 * @description Only those that a filter lets through: `group:finance risk:>50 agent:billing*`.
                 * @example risk:>50
                 */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approvals */
            200: {
                headers: {
                    /** @description Where the next page begins; give it as `after` */
                    "interlock-next"?: string;
                    /** @description How far was looked, when the time of one request was over before the page was full */
                    "interlock-searched-to"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    decide_approvals: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchRequest"];
            };
        };
        responses: {
            /** @description What became of each, in order */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BatchResult"][];
                };
            };
            /** @description The answer is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_approval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReviewBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    cancel_approval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval as it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may neither ask nor decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It cannot be taken back any more */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    decide_approval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecideRequest"];
            };
        };
        responses: {
            /** @description The approval as it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalBody"];
                };
            };
            /** @description The answer is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It cannot be decided like that */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description What would be edited was erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The answer cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    preview_edit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PreviewRequest"];
            };
        };
        responses: {
            /** @description What the edit comes to */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PreviewBody"];
                };
            };
            /** @description The edit is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It cannot be edited */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description What would be edited was erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    resolve_approval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResolveRequest"];
            };
        };
        responses: {
            /** @description The approval as it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalBody"];
                };
            };
            /** @description The answer is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It is not in doubt */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    wait_for_approval: {
        parameters: {
            query?: {
                /** @description Seconds to hold the request, 0 to 50; 50 by default. */
                hold?: number;
            };
            header?: never;
            path: {
                /** @description The approval's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The approval as it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApprovalBody"];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not wait */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The arguments to run with were erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_checkpoint: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The checkpoint */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckpointBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_consistency_proof: {
        parameters: {
            query?: {
                /** @description The smaller size. */
                old?: number;
                /** @description The larger size; the current one by default. */
                new?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The proof */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConsistencyBody"];
                };
            };
            /** @description A size is beyond the log */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_content: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The sequence number of a decision or an outcome
                 * @example 1
                 */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The content */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContentBody"];
                };
            };
            /** @description That is no sequence number */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no such entry, or it has no content */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The content was erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description That it was read cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    check_content: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The sequence number of a decision or an outcome
                 * @example 1
                 */
                seq: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContentCheck"];
            };
        };
        responses: {
            /** @description Whether it matches */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContentMatch"];
                };
            };
            /** @description The request is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no such entry, or it has no such content */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The content was erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_entries: {
        parameters: {
            query?: {
                /** @description The first sequence number; 0 by default. */
                from?: number;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The entries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntryBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    export_entries: {
        parameters: {
            query?: {
                /** @description The first sequence number; 0 by default. */
                from?: number;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description JSON lines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_inclusion_proof: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The entry's sequence number */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The proof */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProofBody"];
                };
            };
            /** @description The entry is beyond the log */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_budgets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The budgets */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BudgetStanding"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_budget: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name: 1 to 64 letters, digits, `-`, `_` and `.` */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "scope": "agent",
                 *       "of": "*",
                 *       "period": "day",
                 *       "limit_usd": "20",
                 *       "thresholds": [
                 *         50,
                 *         80,
                 *         100
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["BudgetTerms"];
            };
        };
        responses: {
            /** @description The budget in force */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BudgetStanding"];
                };
            };
            /** @description A field is out of its limits, or there are too many */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It stands in the file that the server was started with */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    remove_budget: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its name */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It holds no more */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BudgetStanding"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such budget */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It stands in the file that the server was started with */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_bundle: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` that the client has */
                "If-None-Match"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bundle */
            200: {
                headers: {
                    /** @description Its entity tag */
                    etag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BundleBody"];
                };
            };
            /** @description The client has it */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Nothing is in force */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    publish_bundle: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PublishRequest"];
            };
        };
        responses: {
            /** @description It is in force */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BundleBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no such revision to revert to */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Another revision is in force */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It does not compile; the message has line and caret */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    check_bundle: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DraftRequest"];
            };
        };
        responses: {
            /** @description What it would be, also when it does not compile */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DraftBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_bundle_revisions: {
        parameters: {
            query?: {
                /** @description Only of this bundle. */
                name?: string;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The revisions */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevisionBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_channels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The channels */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    check: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CheckRequest"];
            };
        };
        responses: {
            /** @description The decision */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResponse"];
                };
            };
            /** @description The action is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key is bound to another agent */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The idempotency key was used for another action */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The decision cannot be recorded, so it is a denial */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_deliveries: {
        parameters: {
            query?: {
                /** @description Only those that are `due`, `sent` or `dead`. */
                status?: string;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The deliveries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    retry_delivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its number */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is tried at once */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The number is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no dead delivery of this number */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    export_evidence: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EvidenceBody"];
            };
        };
        responses: {
            /** @description The bundle */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zip": number[];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No entry is in what was asked for */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Others take evidence just now */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    export_events: {
        parameters: {
            query?: {
                /** @description The form; `ocsf` by default. */
                format?: "ocsf" | "cef" | "syslog" | "jsonl";
                /** @description Entries after this sequence number: `x-next-after` of the page before. From the first by default. */
                after?: number;
                /** @description How many entries, 1 to 1000; 1000 by default. */
                limit?: number;
                /**
                 * @description Only entries from this time on, RFC 3339.
                 * @example 2026-01-01T00:00:00Z
                 */
                since?: string;
                /**
                 * @description Only entries before this time, RFC 3339.
                 * @example 2099-01-01T00:00:00Z
                 */
                until?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, one a line */
            200: {
                headers: {
                    /** @description `true` or `false` */
                    "x-more"?: string;
                    /** @description `after` of the next page; empty before the first entry */
                    "x-next-after"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                    "text/plain": string;
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no record yet */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_export_sinks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sinks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SinkBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    join: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinRequest"];
            };
        };
        responses: {
            /** @description The person is signed in; the session is in a cookie */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JoinedBody"];
                };
            };
            /** @description The password may not be chosen, the code is wrong, or a field is of another form */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The request does not come from this server's own page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The invitation was used, has expired, or was replaced */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There were too many tries */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    look_at_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InvitationRequest"];
            };
        };
        responses: {
            /** @description What it is for */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OfferBody"];
                };
            };
            /** @description A field is missing, unknown or of another form */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It was used, has expired, or was replaced */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There were too many tries */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeyRequest"];
            };
        };
        responses: {
            /** @description The key */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The tenant has no such user */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    revoke_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is revoked */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such key */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A key cannot revoke itself */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    rotate_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateRequest"];
            };
        };
        responses: {
            /** @description The key with its new secret */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such key, or it is revoked */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_kill_switch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The switch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_kill_switch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KillRequest"];
            };
        };
        responses: {
            /** @description The switch */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_lease: {
        parameters: {
            query: {
                /**
                 * @description Drawn by the client for this request, and signed with the lease: 1 to 128 letters and digits.
                 * @example 9f86d081884c7d65
                 */
                nonce: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lease */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LeaseBody"];
                };
            };
            /** @description The nonce is missing or malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not check actions */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Nothing is in force */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_mutes: {
        parameters: {
            query?: {
                /** @description Only those that hold now. */
                live?: boolean;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The mutes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MuteBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_mute: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "agent_id": "billing",
                 *       "detector": "pii",
                 *       "reason": "known, fixed on Monday",
                 *       "seconds": 3600
                 *     }
                 */
                "application/json": components["schemas"]["MuteRequest"];
            };
        };
        responses: {
            /** @description It holds */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MuteBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    end_mute: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The mute's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is over */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MuteBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such mute */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordRequest"];
            };
        };
        responses: {
            /** @description The new one holds */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description It may not be chosen, or a field is of another form */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The old password is wrong, or nobody is signed in */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A key has no password, or the request is of another page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The person signs in at a provider and has no password */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There were too many tries */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    mask: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaskRequest"];
            };
        };
        responses: {
            /** @description The masked text */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaskResponse"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not do this */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_policies: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policies */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_policy: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PolicyRequest"];
            };
        };
        responses: {
            /** @description It is in force */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The policies changed meanwhile */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It does not compile */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    remove_policy: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The policy's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such policy */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    update_policy: {
        parameters: {
            query?: {
                /** @description Whether it is in force. */
                enabled?: boolean;
            };
            header?: never;
            path: {
                /** @description The policy's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PolicyPatch"] | null;
            };
        };
        responses: {
            /** @description It is changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such policy */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The policies changed meanwhile */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It does not compile */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    send_records: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecordsRequest"];
            };
        };
        responses: {
            /** @description What became of them */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecordsResponse"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not check actions */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description They cannot be recorded */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_report: {
        parameters: {
            query?: {
                /** @description Entries from this time on: a day, UTC, or a time, RFC 3339; from the beginning by default. */
                from?: string;
                /** @description Entries before this time; to the end by default. */
                to?: string;
                /** @description `json` (the default), `html` or `csv`. */
                format?: string;
            };
            header?: never;
            path: {
                /**
                 * @description `eu-ai-act`, `soc2`, `hipaa`, `pci-dss` or `gdpr`
                 * @example soc2
                 */
                framework: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                    "text/html": string;
                    "text/csv": string;
                };
            };
            /** @description A parameter is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read the record */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no such framework, or nothing to count */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Others take evidence just now */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_response_rules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rules */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseRulesBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    set_response_rules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "version": 0,
                 *       "rules": [
                 *         {
                 *           "id": "runaway",
                 *           "scope": "agent",
                 *           "level": "high",
                 *           "count": 3,
                 *           "window_s": 300,
                 *           "action": "pause"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["ResponseRulesBody"];
            };
        };
        responses: {
            /** @description The rules in force */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseRulesBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Somebody else has changed them */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_responses: {
        parameters: {
            query?: {
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The responses */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResponseBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_rollbacks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rollbacks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"][];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The rollback's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rollback */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such rollback */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    cancel_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The rollback's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is canceled */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such rollback */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description A client has it, or it is over */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    claim_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The rollback's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClaimRequest"];
            };
        };
        responses: {
            /** @description It is this client's */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not check actions */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such rollback, or of an agent that the key is not bound to */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Another client has it, or it is over */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    end_rollback: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The rollback's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RollbackResultRequest"];
            };
        };
        responses: {
            /** @description It is on record */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RollbackBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not check actions */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such rollback, or of an agent that the key is not bound to */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description It is not this client's, or it ended otherwise */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_runs: {
        parameters: {
            query?: {
                /** @description How many, 1 to 200; 50 by default. */
                limit?: number;
                /** @description Only those whose last action was recorded before this sequence number. */
                before?: number;
                /**
                 * @description Only those that a filter lets through: `blocked:>0 agent:billing* since:24h`.
                 * @example blocked:>0
                 */
                q?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runs */
            200: {
                headers: {
                    /** @description How many recorded entries the list does not know yet, while they are added after a start */
                    "interlock-behind"?: number;
                    /** @description Where the next page begins; give it as `before` */
                    "interlock-next"?: string;
                    /** @description How far was looked, when the time of one request was over before the page was full */
                    "interlock-searched-to"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    diff_runs: {
        parameters: {
            query: {
                /** @description The first run. */
                a: string;
                /** @description The second run. */
                b: string;
                /** @description Lines that are left out at the beginning: `next` of the answer before. */
                from?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What differs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunDiffBody"];
                };
            };
            /** @description A run is too long to compare */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such run */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Steps may be missing: entries are still being added to the lists since the server was started */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInRequest"];
            };
        };
        responses: {
            /** @description Who is signed in; the session is in a cookie */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoamiBody"];
                };
            };
            /** @description A field is missing or unknown */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The login, the password or the code is wrong */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The request does not come from this server's own page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There were too many tries */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended; with a key, there was none */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Nobody is signed in */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The request does not come from this server's own page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_session_approvals: {
        parameters: {
            query?: {
                /** @description Only those of this agent. */
                agent_id?: string;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session approvals */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionApprovalBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_session_approval: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SessionApprovalRequest"];
            };
        };
        responses: {
            /** @description The temporary rule */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionApprovalBody"];
                };
            };
            /** @description The request is malformed */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such approval */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There can be none for this action */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The content of the action was erased */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    revoke_session_approval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Its id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As it stands */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionApprovalBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not decide */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is none of this id */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_sign_in_providers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The providers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInProviderBody"][];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    begin_sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OidcRequest"];
            };
        };
        responses: {
            /** @description Where the browser goes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OidcBody"];
                };
            };
            /** @description A field is missing, unknown or of another form */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The request does not come from this server's own page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such provider */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The provider does not answer as it must */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    end_sign_in: {
        parameters: {
            query?: {
                /** @description What the sign-in began with */
                state?: string;
                /** @description What the provider gives for tokens */
                code?: string;
                /** @description Why the provider gives none */
                error?: string;
                /** @description Which provider answers (RFC 9207) */
                iss?: string;
            };
            header?: never;
            path: {
                /** @description The provider's name */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The person is signed in, by a cookie; `location` is a path of this server */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description This browser began no such sign-in, or it is over */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The person is not let in */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There were too many tries */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The provider does not answer as it must, or there is too much underway */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionBody"][];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The role may not do this, or a session is used from another page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It has ended */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The role may not do this, or a session is used from another page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such session of the caller's */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_stats: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sums */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatsBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    erase_subject: {
        parameters: {
            query?: {
                /**
                 * @description A law or a rule, recorded for ever: `gdpr-17`, `retention`; `request` by default. Never a
                 *     person.
                 * @example gdpr-17
                 */
                basis?: string;
            };
            header?: never;
            path: {
                /**
                 * @description `user`, by the `user.id` of actions, or `agent`, for what an agent did on behalf of nobody
                 * @example user
                 */
                kind: string;
                /**
                 * @description Whose content
                 * @example u-7
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was erased; nothing, if there was nothing */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErasureBody"];
                };
            };
            /** @description A parameter is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key is destroyed, and its entry cannot be written yet */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_tool_stops: {
        parameters: {
            query?: {
                /** @description Only those that hold now. */
                live?: boolean;
                /** @description How many, 1 to 1000; 100 by default. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stops */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolStopBody"][];
                };
            };
            /** @description A parameter is out of range */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    stop_tool: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToolStopRequest"];
            };
        };
        responses: {
            /** @description It is stopped */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolStopBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    start_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The stop's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It may be used again */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolStopBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such stop */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserBody"][];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The caller may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserRequest"];
            };
        };
        responses: {
            /** @description The user and the invitation */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitedBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The caller may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The login is taken */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    update_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The user's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserUpdate"];
            };
        };
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The caller may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such user */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description One cannot do this to oneself, or the provider's groups say it */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    reset_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The user's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ResetRequest"] | null;
            };
        };
        responses: {
            /** @description The user and the invitation */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvitedBody"];
                };
            };
            /** @description A field is unknown or of another form */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The caller may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such user */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description One cannot do this to oneself */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    list_user_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The user's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions, newest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionBody"][];
                };
            };
            /** @description No valid key or session */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The caller may not administer */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such user */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    start_what_if: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WhatIfRequest"];
            };
        };
        responses: {
            /** @description It has ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhatIfBody"];
                };
            };
            /** @description It runs */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhatIfBody"];
                };
            };
            /** @description A field is out of its limits */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is no such bundle or revision */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body was not there in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many replays run */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The draft does not compile */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_what_if: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The replay's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The replay */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhatIfBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not read */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such replay */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    cancel_what_if: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The replay's id */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It ends, or has ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhatIfBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The key may not change policies */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No such replay */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    whoami: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the key is good for */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WhoamiBody"];
                };
            };
            /** @description No valid key */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The role may not do this, or a session is used from another page */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description Too many wrong keys came from this address */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description There is too much underway; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description The record cannot be written, so everything with an effect is denied */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
}
