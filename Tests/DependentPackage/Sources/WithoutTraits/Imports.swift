// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBrokerStore
import ProtonConfiguration
import ProtonNIO
import ProtonServiceLifecycle
import ProtonTracing
