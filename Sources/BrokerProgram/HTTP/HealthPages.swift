// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker

/// Whether the broker takes connections.
enum ServingState {
    case starting, serving, stopping
}

/// The pages of the HTTP port: `/healthz`, `/readyz` and `/metrics`.
enum HealthPages {
    /// - Parameter status: reads the broker's, where a page needs it.
    static func response(
        to request: HTTPRequest, _ state: ServingState, status: () -> BrokerStatus,
        figures: () -> ProcessFigures = ProcessFigures.read
    ) -> HTTPResponse {
        switch request {
        case .incomplete: return HTTPResponse(.badRequest, line: HTTPStatus.badRequest.reason)
        case .malformed(let status): return HTTPResponse(status, line: status.reason)
        case .whole(let method, _) where method != "GET" && method != "HEAD":
            return HTTPResponse(.methodNotAllowed, line: "GET and HEAD are answered here.")
        case .whole(let method, let path):
            var response = page(path, state, status, figures)
            response.isHeadOnly = method == "HEAD"
            return response
        }
    }

    private static func page(
        _ path: String, _ state: ServingState, _ status: () -> BrokerStatus, _ figures: () -> ProcessFigures
    ) -> HTTPResponse {
        switch path {
        case "/healthz": HTTPResponse(.ok, line: "alive")
        case "/readyz": readiness(state, storeFailure: status().storeFailure)
        case "/metrics": metrics(status(), figures())
        default: HTTPResponse(.notFound, line: "There are /healthz, /readyz and /metrics.")
        }
    }

    /// Whether the broker takes connections and durable messages.
    static func readiness(_ state: ServingState, storeFailure: String?) -> HTTPResponse {
        switch state {
        case .starting: return HTTPResponse(.unavailable, line: "The broker does not serve yet.")
        case .stopping: return HTTPResponse(.unavailable, line: "The broker is shutting down.")
        case .serving: break
        }
        guard let storeFailure else { return HTTPResponse(.ok, line: "ready") }
        return HTTPResponse(.unavailable, line: "The store cannot be written: \(storeFailure)")
    }

    private static func metrics(_ status: BrokerStatus, _ figures: ProcessFigures) -> HTTPResponse {
        var text = PrometheusText()
        BrokerExposition.add(status, to: &text)
        figures.add(to: &text)
        return HTTPResponse(.ok, contentType: PrometheusText.contentType, text: text.text)
    }
}
